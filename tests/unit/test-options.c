/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The option table: what each word means, and what is said of words that mean nothing. */

#include "options.h"

#include <pwd.h>
#include <string.h>

/* @list is taken without an error. */
static Options *parsed(const char *list)
{
        Options *options = options_new();
        g_autoptr(GError) error = NULL;

        g_assert_true(options_parse(options, list, false, &error));
        g_assert_no_error(error);
        return options;
}

/* @list is an error; what is said of it. */
static char *refused(const char *list, bool sloppy, int code)
{
        g_autoptr(Options) options = options_new();
        g_autoptr(GError) error = NULL;

        g_assert_false(options_parse(options, list, sloppy, &error));
        g_assert_error(error, G_OPTION_ERROR, code);
        g_assert_true(g_str_is_ascii(error->message));
        for (const char *c = error->message; *c; c++)
                g_assert_true(g_ascii_isprint(*c));
        return g_strdup(error->message);
}

static void assert_defaults(const Options *options)
{
        g_assert_false(options->allow_other);
        g_assert_false(options->contents);
        g_assert_false(options->netns);
        g_assert_false(options->log);
        g_assert_false(options->noevents);
        g_assert_false(options->remount);
        g_assert_false(options->has_uid);
        g_assert_cmpuint(options->gid, ==, 0);
        g_assert_cmpuint(options->mode, ==, 0444);
        g_assert_cmpuint(options->memory, ==, 64u << 20);
        g_assert_cmpuint(options->given, ==, 0);
        g_assert_cmpuint(options->flags, ==, MS_NOSUID | MS_NODEV);
        g_assert_cmpstr(options->mount_options->str, ==, "nosuid,nodev,exec,atime");
}

static void test_defaults(void)
{
        g_autoptr(Options) options = options_new();

        assert_defaults(options);
}

/* The words of fstab, mount(8), units, mount.fuse3 and the kernel's own list change nothing. */
static void test_words_of_others(void)
{
        static const char *const lists[] = {
                "",
                ",,rw,,",
                "rw",
                "ro",
                "defaults,auto,noauto,nofail,_netdev",
                "user,user=joe,nouser,users,nousers,owner,noowner,group,nogroup",
                "comment=a b,comment,x-systemd.automount,x-gvfs-name=BPF,X-mount.mkdir=0755",
                "sync,async,dirsync,mand,nomand,iversion,noiversion,lazytime,nolazytime",
                "relatime,norelatime,strictatime,nostrictatime,diratime,nodiratime,silent,loud",
                "fd=3,rootmode=40000,user_id=0,group_id=0,default_permissions,max_read=4096",
                "blksize=512,fsname=bpf,subtype=bpfmetafs,seclabel,uhelper=x,helper=y",
                "ro=recursive,rw=fs,ro=vfs,relatime=recursive,nodiratime=vfs,strictatime=recursive",
                "comment=\"a,noexec\",comment=\"\",x-a=\"b,mode=0400,c\"",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
                g_autoptr(Options) options = parsed(lists[i]);

                assert_defaults(options);
        }
}

static void test_own(void)
{
        g_autoptr(Options) options = parsed(
                "rw,allow_other,noevents,contents,netns,log,uid=1000,gid=4,mode=0640,memory=3M");

        g_assert_true(options->allow_other);
        g_assert_true(options->noevents);
        g_assert_true(options->contents);
        g_assert_true(options->netns);
        g_assert_true(options->log);
        g_assert_true(options->has_uid);
        g_assert_cmpuint(options->uid, ==, 1000);
        g_assert_cmpuint(options->gid, ==, 4);
        g_assert_cmpuint(options->mode, ==, 0640);
        g_assert_cmpuint(options->memory, ==, 3u << 20);
        g_assert_cmpuint(options->given, ==,
                         OPTIONS_ALLOW_OTHER | OPTIONS_NOEVENTS | OPTIONS_CONTENTS | OPTIONS_NETNS |
                                 OPTIONS_LOG | OPTIONS_UID | OPTIONS_GID | OPTIONS_MODE |
                                 OPTIONS_MEMORY);
        g_assert_false(options->remount);
}

static void test_ids(void)
{
        g_autoptr(Options) names = parsed("uid=root,gid=root");
        g_autoptr(Options) largest = parsed("uid=4294967294,gid=4294967294");
        const struct passwd *user = getpwnam("nobody");
        g_autoptr(Options) nobody = parsed("uid=nobody");

        g_assert_true(names->has_uid);
        g_assert_cmpuint(names->uid, ==, 0);
        g_assert_cmpuint(names->gid, ==, 0);
        g_assert_cmpuint(names->given, ==, OPTIONS_UID | OPTIONS_GID);
        g_assert_cmpuint(largest->uid, ==, 4294967294u);
        g_assert_cmpuint(largest->gid, ==, 4294967294u);
        g_assert_nonnull(user);
        g_assert_cmpuint(nobody->uid, ==, user->pw_uid);
}

static void test_memory(void)
{
        static const struct {
                const char *list;
                uint64_t memory;
        } cases[] = {
                { "memory=1048576", 1u << 20 },
                { "memory=1024k", 1u << 20 },
                { "memory=1025K", 1025u << 10 },
                { "memory=7m", 7u << 20 },
                { "memory=2G", 2ull << 30 },
                { "memory=18446744073709551615", G_MAXUINT64 },
                { "memory=17179869183G", 17179869183ull << 30 },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(Options) options = parsed(cases[i].list);

                g_assert_cmpuint(options->memory, ==, cases[i].memory);
        }
}

/* What goes to mount(2) and to libfuse is the same, and the last of contrary words counts. */
static void test_flags(void)
{
        static const struct {
                const char *list;
                unsigned long flags;
                const char *words;
        } cases[] = {
                { "rw,noexec,nosuid,nodev,user", MS_NOEXEC | MS_NOSUID | MS_NODEV,
                  "nosuid,nodev,noexec,atime" },
                { "rw,allow_other,dev,suid", 0, "suid,dev,exec,atime" },
                { "suid,nosuid,nodev,dev,exec,noexec", MS_NOSUID | MS_NOEXEC,
                  "nosuid,dev,noexec,atime" },
                { "noatime", MS_NOSUID | MS_NODEV | MS_NOATIME, "nosuid,nodev,exec,noatime" },
                { "noatime,atime", MS_NOSUID | MS_NODEV, "nosuid,nodev,exec,atime" },
                { "nosymfollow", MS_NOSUID | MS_NODEV | MS_NOSYMFOLLOW, "nosuid,nodev,exec,atime" },
                { "nosymfollow,symfollow", MS_NOSUID | MS_NODEV, "nosuid,nodev,exec,atime" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(Options) options = parsed(cases[i].list);

                g_assert_cmpuint(options->flags, ==, cases[i].flags);
                g_assert_cmpstr(options->mount_options->str, ==, cases[i].words);
                g_assert_cmpuint(options->given & ~OPTIONS_ALLOW_OTHER, ==, 0);
        }
}

static void test_reach(void)
{
        g_autoptr(Options) options = parsed("suid=recursive,noexec=recursive,nosymfollow=vfs");

        g_assert_cmpuint(options->flags, ==, MS_NODEV | MS_NOEXEC | MS_NOSYMFOLLOW);
}

/* What SELinux gets is what was given, each word once, and no comma in it begins another word. */
static void test_labels(void)
{
        static const char list[] = "context=\"system_u:object_r:tmp_t:s0:c1,c2\",noexec,"
                                   "fscontext=a:b,defcontext=c,rootcontext=d,fscontext=e:f";
        static const char *const words[] = { "context=\"system_u:object_r:tmp_t:s0:c1,c2\"",
                                             "defcontext=c", "rootcontext=d", "fscontext=e:f" };
        g_autoptr(Options) options = parsed(list);
        g_autoptr(Options) none = options_new();

        g_assert_cmpuint(options->labels->len, ==, G_N_ELEMENTS(words));
        for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
                g_assert_cmpstr(options->labels->pdata[i], ==, words[i]);
        g_assert_cmpuint(options->flags, ==, MS_NOSUID | MS_NODEV | MS_NOEXEC);
        g_assert_cmpstr(options->mount_options->str, ==, "nosuid,nodev,noexec,atime");
        g_assert_cmpuint(none->labels->len, ==, 0);
}

/* A comma in double quotes is part of the word, as for mount(8). A quote that is not closed is a
 * character like any other. */
static void test_quotes(void)
{
        g_autoptr(Options) closed = parsed("comment=\"a,noexec\",mode=0400");
        g_autoptr(Options) two = parsed("x-a=\"b\",noexec,x-c=\"d\"");
        g_autoptr(Options) open = parsed("comment=\"a,noexec");
        g_autoptr(Options) escaped = parsed("comment=\"a\\\",noexec");

        g_assert_cmpuint(closed->flags & MS_NOEXEC, ==, 0);
        g_assert_cmpuint(closed->mode, ==, 0400);
        g_assert_cmpuint(two->flags & MS_NOEXEC, ==, MS_NOEXEC);
        g_assert_cmpuint(open->flags & MS_NOEXEC, ==, MS_NOEXEC);
        g_assert_cmpuint(escaped->flags & MS_NOEXEC, ==, MS_NOEXEC);
}

static void test_remount(void)
{
        g_autoptr(Options) options = parsed("rw,remount,noexec,noatime");
        g_autoptr(Options) atime = parsed("remount,suid,dev");

        g_assert_true(options->remount);
        g_assert_cmpuint(options_remount_flags(options), ==,
                         MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC |
                                 MS_NOATIME);
        /* Else the kernel would keep a noatime that is there. */
        g_assert_cmpuint(options_remount_flags(atime), ==,
                         MS_REMOUNT | MS_BIND | MS_RDONLY | MS_RELATIME);
}

static void test_last_wins(void)
{
        g_autoptr(Options) options = parsed("mode=0400,uid=5,memory=1G,mode=0444,uid=6,memory=2M");

        g_assert_cmpuint(options->mode, ==, 0444);
        g_assert_cmpuint(options->uid, ==, 6);
        g_assert_cmpuint(options->memory, ==, 2 << 20);

        /* Also over several lists: what a later one does not name stays. */
        g_assert_true(options_parse(options, "mode=0440,noexec", false, NULL));
        g_assert_true(options_parse(options, "exec", false, NULL));
        g_assert_cmpuint(options->mode, ==, 0440);
        g_assert_cmpuint(options->uid, ==, 6);
        g_assert_cmpstr(options->mount_options->str, ==, "nosuid,nodev,exec,atime");
}

static void test_escapes(void)
{
        g_autoptr(Options) comma = parsed("comment=a\\,noexec,mode=0400");
        g_autoptr(Options) backslash = parsed("comment=a\\\\,noexec");
        g_autoptr(Options) both = parsed("x-a=\\\\\\,noexec,mode=0400");
        g_autoptr(Options) end = parsed("mode=0400,comment=\\");
        g_autoptr(Options) other = parsed("comment=\\n,noexec");
        g_autofree char *message = refused("a\\,b\\\\c", false, G_OPTION_ERROR_UNKNOWN_OPTION);

        g_assert_cmpuint(comma->flags & MS_NOEXEC, ==, 0);
        g_assert_cmpuint(comma->mode, ==, 0400);
        g_assert_cmpuint(backslash->flags & MS_NOEXEC, ==, MS_NOEXEC);
        g_assert_cmpuint(both->flags & MS_NOEXEC, ==, 0);
        g_assert_cmpuint(both->mode, ==, 0400);
        g_assert_cmpuint(end->mode, ==, 0400);
        g_assert_cmpuint(other->flags & MS_NOEXEC, ==, MS_NOEXEC);
        g_assert_cmpstr(message, ==,
                        "option 'a,b\\\\c' is not known; the manual page mount.bpfmetafs(8) lists "
                        "those that are");
}

static void test_unknown(void)
{
        static const char *const lists[] = { "allow_othe", "allow_others", "Mode=0444", "x",
                                             "-x-",        "user_",        "=",         "=5",
                                             "*",          "uid =5",       " rw",       "fd_" };

        for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
                g_autofree char *message = refused(lists[i], false, G_OPTION_ERROR_UNKNOWN_OPTION);
                g_autofree char *shown = g_strdup_printf("'%s'", lists[i]);
                g_autoptr(Options) options = options_new();

                g_assert_nonnull(strstr(message, shown));
                g_assert_true(options_parse(options, lists[i], true, NULL));
                assert_defaults(options);
        }
}

/* A message can't carry a terminal's escape sequences. */
static void test_unprintable(void)
{
        g_autofree char *message = refused("\033[31m\377\n", false, G_OPTION_ERROR_UNKNOWN_OPTION);

        g_assert_nonnull(strstr(message, "'\\033[31m\\377\\n'"));
}

/* Sloppy is for words that are unknown, not for values that are wrong. */
static void test_wrong_values(void)
{
        static const struct {
                const char *list;
                const char *part; /* of what is said */
        } cases[] = {
                { "uid", "'uid' needs a value, as in 'uid=VALUE'; it must be the name of a user" },
                { "gid", "'gid' needs a value" },
                { "mode", "it must be an octal number from 0 to 777" },
                { "memory", "'memory' needs a value" },
                { "uid=", "'uid=' is wrong; the value of 'uid' must be the name of a user" },
                { "uid=no such user", "'uid=no such user' is wrong" },
                { "uid=-1", "'uid=-1' is wrong" },
                { "uid=+1", "'uid=+1' is wrong" },
                { "uid=4294967295", "a number from 0 to 4294967294" },
                { "uid=99999999999999999999", "is wrong" },
                { "gid=", "'gid=' is wrong; the value of 'gid' must be the name of a group" },
                { "gid=4294967295", "is wrong" },
                { "gid=no such group", "is wrong" },
                { "mode=", "is wrong" },
                { "mode=0888", "is wrong" },
                { "mode=1444", "an octal number from 0 to 777" },
                { "mode=u=r", "'mode=u=r' is wrong" },
                { "mode=-1", "is wrong" },
                { "memory=", "is wrong" },
                { "memory=M", "is wrong" },
                { "memory=0", "from 1M on" },
                { "memory=1", "'memory=1' is wrong; the value of 'memory' must be a number of " },
                { "memory=1023K", "from 1M on" },
                { "memory=1048575", "from 1M on" },
                { "memory=64T", "which K, M or G may follow" },
                { "memory=64MB", "is wrong" },
                { "memory=-1", "is wrong" },
                { "memory= 1", "is wrong" },
                { "memory=1.5G", "is wrong" },
                { "memory=17179869184G", "is wrong" },
                { "memory=18446744073709551616", "is wrong" },
                { "allow_other=1", "takes no value; write 'allow_other' instead of" },
                { "noevents=", "'noevents' takes no value" },
                { "sync=1", "'sync' takes no value" },
                { "rw=1", "the value of 'rw' must be recursive, vfs or fs" },
                { "nosuid=", "'nosuid=' is wrong" },
                { "nosuid=no", "'nosuid=no' is wrong" },
                { "context", "'context' needs a value" },
                { "fscontext=", "must be a security context, in double quotes if it has a comma" },
                { "context=a\\,allow_other", "'context=a,allow_other' is wrong" },
                { "context=\"a", "is wrong" },
                { "context=\"a\"\\,b\"", "is wrong" },
                { "context=\"\"", "is wrong" },
                { "remount=1", "'remount' takes no value" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                for (int sloppy = 0; sloppy < 2; sloppy++) {
                        g_autofree char *message =
                                refused(cases[i].list, sloppy, G_OPTION_ERROR_BAD_VALUE);

                        g_assert_nonnull(strstr(message, cases[i].part));
                        g_assert_null(strstr(message, "(null)"));
                        g_assert_false(g_str_has_suffix(message, "."));
                }
        }
}

static void test_help(void)
{
        static const char *const words[] = { "allow_other",  "uid=USER",   "gid=GROUP", "mode=MODE",
                                             "memory=BYTES", "rules=PATH", "noevents",  "contents",
                                             "netns",        "log" };
        g_autofree char *help = options_help();
        g_auto(GStrv) lines = g_strsplit(help, "\n", -1);

        g_assert_cmpuint(g_strv_length(lines), ==, G_N_ELEMENTS(words) + 1);
        g_assert_cmpstr(lines[G_N_ELEMENTS(words)], ==, "");
        for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
                g_autofree char *start = g_strdup_printf("  -o %s ", words[i]);

                g_assert_true(g_str_has_prefix(lines[i], start));
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/options/defaults", test_defaults);
        g_test_add_func("/options/words-of-others", test_words_of_others);
        g_test_add_func("/options/own", test_own);
        g_test_add_func("/options/ids", test_ids);
        g_test_add_func("/options/memory", test_memory);
        g_test_add_func("/options/flags", test_flags);
        g_test_add_func("/options/reach", test_reach);
        g_test_add_func("/options/labels", test_labels);
        g_test_add_func("/options/quotes", test_quotes);
        g_test_add_func("/options/remount", test_remount);
        g_test_add_func("/options/last-wins", test_last_wins);
        g_test_add_func("/options/escapes", test_escapes);
        g_test_add_func("/options/unknown", test_unknown);
        g_test_add_func("/options/unprintable", test_unprintable);
        g_test_add_func("/options/wrong-values", test_wrong_values);
        g_test_add_func("/options/help", test_help);
        return g_test_run();
}
