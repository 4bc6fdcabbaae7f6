/* Completion scripts. Each shell gets the same three things: the commands, their options, and what
 * an option's argument may be. Topics of `seep show` count as commands of their own. */
#include <ctype.h>
#include <string.h>

#include "cmd/docs.h"
#include "cmd/docs_options.h"
#include "cmd/show.h"

/* A command, or a topic of show, with its options. */
struct entry {
    const char *name;  /* of the command */
    const char *topic; /* NULL: a command */
    const char *summary;
    const char *arguments; /* "" when there are none */
    struct docs_options options;
};

VECTOR_TYPE(entries, struct entry);

static void entries_deinit(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        vector_deinit(&entries->items[i].options);
    vector_deinit(entries);
}

static struct seep_error *add_entry(struct entries *entries, struct entry entry,
                                    const struct argp *argp)
{
    struct seep_error *err = docs_collect(argp, &entry.options);

    if (!entry.arguments)
        entry.arguments = "";
    if (!err)
        err = vector_push(entries, entry);
    if (err)
        vector_deinit(&entry.options);
    return err;
}

static struct seep_error *collect(struct entries *entries)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; commands[i] && !err; i++) {
        const struct seep_command *command = commands[i];

        if (docs_is_public(command))
            err = add_entry(entries,
                            (struct entry){.name = command->name,
                                           .summary = command->summary,
                                           .arguments = command->arguments},
                            command->argp);
    }
    for (size_t i = 0; show_topics[i] && !err; i++)
        err = add_entry(entries,
                        (struct entry){.name = "show",
                                       .topic = show_topics[i]->name,
                                       .summary = show_topics[i]->summary},
                        show_topics[i]->argp);
    return err;
}

/* TEXT with a backslash before every byte of SPECIAL. */
static void add_escaped(struct buffer *out, const char *text, const char *special)
{
    for (; *text; text++)
        buffer_printf(out, strchr(special, *text) ? "\\%c" : "%c", *text);
}

/* TEXT between single quotes of a Bourne shell. */
static void add_quoted(struct buffer *out, const char *text)
{
    buffer_printf(out, "'");
    for (; *text; text++)
        buffer_printf(out, *text == '\'' ? "'\\''" : "%c", *text);
    buffer_printf(out, "'");
}

static void add_names(struct buffer *out, const struct docs_option *option, const char *separator)
{
    for (size_t i = 0; i < DOCS_NAMES && option->names[i][0]; i++)
        buffer_printf(out, "%s%s", i ? separator : "", option->names[i]);
}

/* Runs PRINT over all entries. */
static struct seep_error *
print_all(struct buffer *out, void (*print)(struct buffer *out, const struct entries *entries))
{
    struct entries entries = {0};
    struct seep_error *err = collect(&entries);

    if (!err)
        print(out, &entries);
    entries_deinit(&entries);
    return err;
}

/* --- bash --- */

static void bash_entry(struct buffer *out, const struct entry *entry)
{
    buffer_printf(out, "    %s%s%s)\n        options=\"", entry->name, entry->topic ? "/" : "",
                  entry->topic ? entry->topic : "");
    for (size_t i = 0; i < entry->options.count; i++) {
        buffer_printf(out, i ? " " : "");
        add_names(out, &entry->options.items[i], " ");
    }
    buffer_printf(out, "\"\n        case $previous in\n");
    for (size_t i = 0; i < entry->options.count; i++) {
        const struct docs_option *option = &entry->options.items[i];
        enum docs_argument kind = docs_argument_kind(option->argument);

        if (kind == DOCS_NONE || option->optional)
            continue;
        buffer_printf(out, "        ");
        add_names(out, option, "|");
        buffer_printf(out, ") ");
        if (kind == DOCS_WORDS) {
            buffer_printf(out, "words='");
            docs_words(out, option->argument);
            buffer_printf(out, "' kind=words");
        } else {
            buffer_printf(out, "kind=%s",
                          kind == DOCS_FILE   ? "file"
                          : kind == DOCS_CASE ? "dir"
                          : kind == DOCS_PID  ? "pid"
                                              : "none");
        }
        buffer_printf(out, " ;;\n");
    }
    buffer_printf(out, "        esac\n        ;;\n");
}

static void bash_print(struct buffer *out, const struct entries *entries)
{
    buffer_printf(out, "# bash completion for seep\n_seep()\n{\n"
                       "    local current=${COMP_WORDS[COMP_CWORD]} "
                       "previous=${COMP_WORDS[COMP_CWORD-1]}\n"
                       "    local command=${COMP_WORDS[1]} options='' words='' kind=''\n\n"
                       "    COMPREPLY=()\n"
                       "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                       "        COMPREPLY=($(compgen -W '");
    for (size_t i = 0; i < entries->count; i++)
        if (!entries->items[i].topic)
            buffer_printf(out, "%s ", entries->items[i].name);
    buffer_printf(out, "--help --version' -- \"$current\"))\n        return\n    fi\n"
                       "    if [ \"$command\" = show ]; then\n"
                       "        if [ \"$COMP_CWORD\" -eq 3 ]; then\n"
                       "            COMPREPLY=($(compgen -W '");
    for (size_t i = 0; i < entries->count; i++)
        if (entries->items[i].topic)
            buffer_printf(out, "%s ", entries->items[i].topic);
    buffer_printf(out, "' -- \"$current\"))\n            return\n        fi\n"
                       "        [ \"$COMP_CWORD\" -gt 3 ] && command=show/${COMP_WORDS[3]}\n"
                       "    fi\n    case $command in\n");
    for (size_t i = 0; i < entries->count; i++)
        bash_entry(out, &entries->items[i]);
    buffer_printf(
        out, "    esac\n"
             "    case $kind in\n"
             "    words) COMPREPLY=($(compgen -W \"$words\" -- \"$current\")); return ;;\n"
             "    file) COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n"
             "    dir) COMPREPLY=($(compgen -d -- \"$current\")); return ;;\n"
             "    pid) COMPREPLY=($(compgen -W \"$(cd /proc && echo [0-9]*)\" -- \"$current\")); "
             "return ;;\n"
             "    none) return ;;\n"
             "    esac\n"
             "    case $current in\n"
             "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$current\")) ;;\n"
             "    *) COMPREPLY=($(compgen -f -- \"$current\")) ;;\n"
             "    esac\n"
             "}\n"
             "complete -o filenames -F _seep seep\n");
}

struct seep_error *docs_bash(struct buffer *out)
{
    return print_all(out, bash_print);
}

/* --- zsh --- */

static void zsh_option(struct buffer *out, const struct docs_option *option)
{
    enum docs_argument kind = docs_argument_kind(option->argument);
    _cleanup_buffer_ struct buffer words = {0};

    for (size_t i = 0; i < DOCS_NAMES && option->names[i][0]; i++) {
        _cleanup_buffer_ struct buffer spec = {0};

        buffer_printf(&spec, "%s[", option->names[i]);
        add_escaped(&spec, option->doc ? option->doc : "", "[]\\:");
        buffer_printf(&spec, "]");
        if (kind != DOCS_NONE) {
            buffer_printf(&spec, option->optional ? "::" : ":");
            add_escaped(&spec, option->argument, "[]\\:");
            buffer_printf(&spec, ":");
        }
        if (kind == DOCS_WORDS) {
            buffer_printf(&spec, "(");
            docs_words(&spec, option->argument);
            buffer_printf(&spec, ")");
        } else if (kind != DOCS_NONE && kind != DOCS_OTHER) {
            buffer_printf(&spec, "%s",
                          kind == DOCS_FILE   ? "_files"
                          : kind == DOCS_CASE ? "_files -/"
                                              : "_pids");
        }
        out->failed |= spec.failed;
        if (spec.failed)
            return;
        buffer_printf(out, "            ");
        add_quoted(out, spec.bytes);
        buffer_printf(out, " \\\n");
    }
}

static void zsh_list(struct buffer *out, const struct entries *entries, bool topics)
{
    for (size_t i = 0; i < entries->count; i++) {
        const struct entry *entry = &entries->items[i];
        _cleanup_buffer_ struct buffer line = {0};

        if ((entry->topic != NULL) != topics)
            continue;
        add_escaped(&line, entry->topic ? entry->topic : entry->name, ":");
        buffer_printf(&line, ":%s", entry->summary);
        out->failed |= line.failed;
        if (line.failed)
            return;
        buffer_printf(out, "        ");
        add_quoted(out, line.bytes);
        buffer_printf(out, "\n");
    }
}

static void zsh_print(struct buffer *out, const struct entries *entries)
{
    buffer_printf(out, "#compdef seep\n\n_seep() {\n    local -a commands topics\n"
                       "    local command=$words[2]\n\n    commands=(\n");
    zsh_list(out, entries, false);
    buffer_printf(out, "    )\n    topics=(\n");
    zsh_list(out, entries, true);
    buffer_printf(out, "    )\n"
                       "    if (( CURRENT == 2 )); then\n"
                       "        _describe command commands\n"
                       "        return\n    fi\n"
                       "    if [[ $command == show ]]; then\n"
                       "        if (( CURRENT == 4 )); then\n"
                       "            _describe topic topics\n"
                       "            return\n        fi\n"
                       "        if (( CURRENT > 4 )); then\n"
                       "            command=show/$words[4]\n"
                       "            shift 2 words\n"
                       "            (( CURRENT -= 2 ))\n"
                       "        fi\n"
                       "    fi\n"
                       "    shift words\n"
                       "    (( CURRENT-- ))\n"
                       "    case $command in\n");
    for (size_t i = 0; i < entries->count; i++) {
        const struct entry *entry = &entries->items[i];

        buffer_printf(out, "    %s%s%s)\n        _arguments \\\n", entry->name,
                      entry->topic ? "/" : "", entry->topic ? entry->topic : "");
        for (size_t n = 0; n < entry->options.count; n++)
            zsh_option(out, &entry->options.items[n]);
        buffer_printf(out, "            '*:file:_files'\n        ;;\n");
    }
    buffer_printf(out, "    esac\n}\n\n_seep \"$@\"\n");
}

struct seep_error *docs_zsh(struct buffer *out)
{
    return print_all(out, zsh_print);
}

/* --- fish --- */

static void fish_option(struct buffer *out, const struct entry *entry,
                        const struct docs_option *option)
{
    enum docs_argument kind = docs_argument_kind(option->argument);

    buffer_printf(out, "complete -c seep -n '__fish_seen_subcommand_from %s", entry->name);
    if (entry->topic)
        buffer_printf(out, "; and __fish_seen_subcommand_from %s", entry->topic);
    buffer_printf(out, "'");
    for (size_t i = 0; i < DOCS_NAMES && option->names[i][0]; i++)
        if (option->names[i][1] == '-')
            buffer_printf(out, " -l %s", option->names[i] + 2);
        else
            buffer_printf(out, " -s '%s'", option->names[i] + 1);
    if (kind == DOCS_FILE && !option->optional) {
        buffer_printf(out, " -r -F");
    } else if (kind != DOCS_NONE && !option->optional) {
        buffer_printf(out, " -x");
        if (kind == DOCS_WORDS) {
            buffer_printf(out, " -a '");
            docs_words(out, option->argument);
            buffer_printf(out, "'");
        } else if (kind == DOCS_PID || kind == DOCS_CASE) {
            buffer_printf(out, " -a '(%s)'",
                          kind == DOCS_PID ? "__fish_complete_pids"
                                           : "__fish_complete_directories");
        }
    }
    buffer_printf(out, " -d '");
    add_escaped(out, option->doc ? option->doc : "", "\\'");
    buffer_printf(out, "'\n");
}

static void fish_print(struct buffer *out, const struct entries *entries)
{
    buffer_printf(out, "# fish completion for seep\n"
                       "complete -c seep -n __fish_use_subcommand -l help -d 'List the commands'\n"
                       "complete -c seep -n __fish_use_subcommand -l version -d 'Print the "
                       "version'\n");
    for (size_t i = 0; i < entries->count; i++) {
        const struct entry *entry = &entries->items[i];

        buffer_printf(out, "complete -c seep %s -a %s -d '",
                      entry->topic ? "-n '__fish_seen_subcommand_from show'"
                                   : "-f -n __fish_use_subcommand",
                      entry->topic ? entry->topic : entry->name);
        add_escaped(out, entry->summary, "\\'");
        buffer_printf(out, "'\n");
        for (size_t n = 0; n < entry->options.count; n++)
            fish_option(out, entry, &entry->options.items[n]);
    }
}

struct seep_error *docs_fish(struct buffer *out)
{
    return print_all(out, fish_print);
}
