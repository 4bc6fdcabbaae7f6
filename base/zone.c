#include "base/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *zone_here(struct zone_text *ret_zone)
{
    time_t now = time(NULL);
    struct tm tm;

    localtime_r(&now, &tm);

    /* POSIX counts west of Greenwich as positive, everybody else east. */
    char east = tm.tm_gmtoff < 0 ? '-' : '+', west = tm.tm_gmtoff < 0 ? '+' : '-';
    unsigned minutes = (unsigned)labs(tm.tm_gmtoff) / 60 % (24 * 60);

    snprintf(ret_zone->text, sizeof(ret_zone->text), "<%c%02u%02u>%c%02u:%02u", east, minutes / 60,
             minutes % 60, west, minutes / 60, minutes % 60);
    return ret_zone->text;
}

void zone_use(const char *zone)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789<>+-:,./_";

    /* glibc takes ":FILE", "/FILE" and ".." as files to read. */
    if (!zone || !zone[0] || zone[0] == ':' || zone[0] == '/' || strstr(zone, "..") ||
        strspn(zone, allowed) != strlen(zone) || strlen(zone) > 64)
        return;
    setenv("TZ", zone, 1);
    tzset();
}
