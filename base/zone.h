/*
 * The time zone a case was recorded in, which is the one its times are told in, wherever that is.
 *
 *     zone_here(&zone)     "<+0800>-08:00": what case.json keeps as host.time_zone
 *     zone_use(zone)       from here on localtime(3) and with it every report uses it
 *
 * The POSIX form (tzset(3)) names the offset itself, so that the reading machine needs no time zone
 * database. It does not know of a change to summer time during the recording.
 */
#pragma once

struct zone_text {
    char text[32];
};

/* The zone of this process now. Returns RET_ZONE's text. */
const char *zone_here(struct zone_text *ret_zone);

/* Sets TZ; NULL, and what cannot be a zone (a case may come from anyone), leaves it as it is. */
void zone_use(const char *zone);
