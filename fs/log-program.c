/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is kept of a program, and its lines. */

#include "log-program.h"

#include "log-text.h"

LogProgram *log_program_new(uint32_t id)
{
        LogProgram *program = g_new0(LogProgram, 1);

        program->refs = 1;
        program->id = id;
        return program;
}

LogProgram *log_program_ref(LogProgram *program)
{
        program->refs++;
        return program;
}

void log_waiting_free(LogWaiting *waiting)
{
        if (!waiting)
                return;
        loader_unref(waiting->loader);
        g_free(waiting);
}

void log_program_unref(LogProgram *program)
{
        if (--program->refs > 0)
                return;
        g_free(program->facts);
        g_clear_pointer(&program->process, g_ref_string_release);
        g_clear_pointer(&program->comm, g_ref_string_release);
        g_clear_pointer(&program->oncall, g_ref_string_release);
        log_waiting_free(program->waiting);
        g_free(program);
}

/* Takes @text, which may be NULL. */
static void set_shared(char **to, char *text)
{
        g_clear_pointer(to, g_ref_string_release);
        if (text)
                *to = g_ref_string_new_intern(text);
        g_free(text);
}

void log_program_set_oncall(LogProgram *program, char *text)
{
        set_shared(&program->oncall, text);
}

/* Somebody had that pid shortly before. */
static void take_recent(LogProgram *program, const LogRecent *recent)
{
        const char *process, *comm;
        GString *text;
        uint64_t age;

        if (!log_recent_find(recent, program->pid, program->load_time, &process, &comm, &age))
                return;
        text = g_string_new(process);
        log_text_add_seconds(text, "comm_age_s", age);
        set_shared(&program->process, g_string_free(text, FALSE));
        set_shared(&program->comm, g_strdup(comm));
}

void log_program_take_loader(LogProgram *program, LogRecent *recent)
{
        static const char *const keys[] = { "pid", "comm", "unit", "user_unit" };
        const LogWaiting *waiting = program->waiting;
        GString *text;
        const Info *info;

        if (!waiting->loader)
                return;
        info = loader_info(waiting->loader);
        text = g_string_new(NULL);
        for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
                log_text_add(text, keys[i], info_get(info, keys[i]));
        set_shared(&program->process, g_string_free(text, FALSE));
        set_shared(&program->comm, g_strdup(info_get(info, "comm")));
        if (program->comm)
                log_recent_add(recent, program->pid, program->load_time, program->process,
                               program->comm);
        else
                take_recent(program, recent);
}

void log_program_set_tag(LogProgram *program, const uint8_t *bytes, guint n)
{
        char *tag = program->waiting->tag;

        for (guint i = 0; i < n && 2 * i + 3 <= LOG_PROGRAM_TAG; i++)
                g_snprintf(&tag[2 * i], 3, "%02x", bytes[i]);
}

/* What is said of the program in each of its lines. */
static GString *line_new(const char *event, const LogProgram *program)
{
        GString *line = g_string_new(NULL);

        log_text_add(line, "event", event);
        log_text_add_number(line, "id", program->id);
        if (program->facts && *program->facts)
                g_string_append_printf(line, " %s", program->facts);
        else if (*program->waiting->tag)
                log_text_add(line, "tag", program->waiting->tag);
        if (program->process && *program->process)
                g_string_append_printf(line, " %s", program->process);
        log_text_add(line, "oncall", program->oncall);
        return line;
}

char *log_program_load_line(const LogProgram *program)
{
        return g_string_free(line_new("load", program), FALSE);
}

char *log_program_unload_line(const LogProgram *program)
{
        GString *line = line_new("unload", program);
        uint64_t gone_at = program->waiting->gone_at;

        if (program->load_time > 0 && program->load_time < gone_at)
                log_text_add_seconds(line, "lived_s", gone_at - program->load_time);
        /* If the kernel counts nothing, both are 0. */
        if (program->run_time_ns > 0 || program->run_cnt > 0) {
                log_text_add_number(line, "run_time_ns", program->run_time_ns);
                log_text_add_number(line, "run_cnt", program->run_cnt);
                log_text_add_seconds(line, "run_age_s",
                                     gone_at - MIN(gone_at, program->counted_at));
        }
        return g_string_free(line, FALSE);
}
