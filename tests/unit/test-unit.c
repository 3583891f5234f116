/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Units and containers, from paths as they are on real hosts, and from others. */

#include "unit.h"

#include <string.h>

#define ID "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"
#define ID2 "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define POD "2f4c5b1e-7c11-4a50-9a3b-0d1e2f3a4b5c"
#define POD_ "2f4c5b1e_7c11_4a50_9a3b_0d1e2f3a4b5c"

static void test_paths(void)
{
        static const struct {
                const char *cgroup;
                const char *unit;
                const char *user_unit;
                const char *container;
        } rows[] = {
                { "/", NULL, NULL, NULL },
                { "/init.scope", "init.scope", NULL, NULL },
                { "/system.slice/sshd.service", "sshd.service", NULL, NULL },
                { "/system.slice/systemd-udevd.service/udev", "systemd-udevd.service", NULL, NULL },
                { "/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service", NULL,
                  NULL },
                { "/system.slice/system-foo\\x2dbar.slice/foo-bar@a\\x2db.service",
                  "foo-bar@a\\x2db.service", NULL, NULL },
                { "/system.slice/dev-hugepages.mount", "dev-hugepages.mount", NULL, NULL },
                /* Where a controller, or the kernel's own files, have such names. */
                { "/system.slice/_cpu.service", "cpu.service", NULL, NULL },
                { "/_cgroup.service", "cgroup.service", NULL, NULL },
                { "/_foo.slice/bar.service", "bar.service", NULL, NULL },
                { "/user.slice/user-1000.slice/session-2.scope", "session-2.scope", NULL, NULL },
                { "/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service",
                  "init.scope", NULL },
                { "/user.slice/user-1000.slice/user@1000.service/app.slice/"
                  "app-org.gnome.Terminal.slice/vte-spawn-1.scope",
                  "user@1000.service", "vte-spawn-1.scope", NULL },
                { "/user.slice/user-1000.slice/user@1000.service", "user@1000.service", NULL,
                  NULL },
                { "/machine.slice/machine-debian.scope/payload/system.slice/nginx.service",
                  "machine-debian.scope", NULL, NULL },
                { "/system.slice/systemd-nspawn@web.service/payload/init.scope",
                  "systemd-nspawn@web.service", NULL, NULL },
                { "/lxc.payload.web/system.slice/nginx.service", NULL, NULL, NULL },
                { "/../../system.slice/cron.service", "cron.service", NULL, NULL },
                { "/system.slice", NULL, NULL, NULL },
                { "system.slice//ssh.service/", "ssh.service", NULL, NULL },

                /* Docker, with both drivers, and in itself */
                { "/docker/" ID, NULL, NULL, ID },
                { "/system.slice/docker-" ID ".scope", "docker-" ID ".scope", NULL, ID },
                { "/docker/" ID "/docker/" ID2, NULL, NULL, ID2 },
                { "/docker/" ID "/system.slice/nginx.service", NULL, NULL, ID },
                { "/system.slice/docker-" ID ".scope/init.scope", "docker-" ID ".scope", NULL, ID },
                { "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" ID ".scope",
                  "user@1000.service", "docker-" ID ".scope", ID },
                { "/ecs/4711/" ID, NULL, NULL, ID },

                /* Kubernetes */
                { "/kubepods/burstable/pod" POD "/" ID, NULL, NULL, ID },
                { "/kubepods/pod" POD "/" ID, NULL, NULL, ID },
                { "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" POD_
                  ".slice/cri-containerd-" ID ".scope",
                  "cri-containerd-" ID ".scope", NULL, ID },
                { "/kubepods.slice/kubepods-pod" POD_ ".slice/crio-" ID ".scope",
                  "crio-" ID ".scope", NULL, ID },
                { "/kubepods.slice/kubepods-pod" POD_ ".slice/crio-" ID ".scope/container",
                  "crio-" ID ".scope", NULL, ID },
                { "/kubepods.slice/kubepods-pod" POD_ ".slice/crio-conmon-" ID ".scope",
                  "crio-conmon-" ID ".scope", NULL, NULL },
                { "/kubepods.slice/kubepods-pod" POD_ ".slice/docker-" ID ".scope",
                  "docker-" ID ".scope", NULL, ID },
                { "/kubepods/burstable/pod" POD "/crio-" ID, NULL, NULL, ID },
                { "/system.slice/containerd.service/kubepods-burstable-pod" POD_
                  ".slice:cri-containerd:" ID,
                  "containerd.service", NULL, ID },
                { "/system.slice/kubelet.service", "kubelet.service", NULL, NULL },
                { "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" POD_
                  ".slice/cri-containerd-" ID ".scope",
                  "cri-containerd-" ID ".scope", NULL, ID },

                /* containerd alone */
                { "/default/" ID, NULL, NULL, ID },
                { "/system.slice/nerdctl-" ID ".scope", "nerdctl-" ID ".scope", NULL, ID },

                /* Podman */
                { "/machine.slice/libpod-" ID ".scope", "libpod-" ID ".scope", NULL, ID },
                { "/machine.slice/libpod-" ID ".scope/container", "libpod-" ID ".scope", NULL, ID },
                { "/machine.slice/libpod-conmon-" ID ".scope", "libpod-conmon-" ID ".scope", NULL,
                  NULL },
                { "/machine.slice/machine-libpod_pod_" ID2 ".slice/libpod-" ID ".scope",
                  "libpod-" ID ".scope", NULL, ID },
                { "/machine.slice/machine-libpod_pod_" ID2 ".slice", NULL, NULL, NULL },
                { "/libpod_parent/libpod-" ID, NULL, NULL, ID },
                { "/libpod_parent/libpod_pod_" ID2 "/libpod-" ID, NULL, NULL, ID },
                { "/system.slice/web.service/libpod-payload-" ID, "web.service", NULL, ID },
                { "/system.slice/web.service/runtime", "web.service", NULL, NULL },
                { "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID
                  ".scope/container",
                  "user@1000.service", "libpod-" ID ".scope", ID },

                /* No units */
                { "/.service", NULL, NULL, NULL },
                { "/foo", NULL, NULL, NULL },
                { "/foo.service.d", NULL, NULL, NULL },
                { "/foo@.service", NULL, NULL, NULL },
                { "/@foo.service", NULL, NULL, NULL },
                { "/foo.@service", NULL, NULL, NULL },
                { "/a b.service", NULL, NULL, NULL },
                { "/a\033[2J.service", NULL, NULL, NULL },
                { "/\xc3\xa4.service", NULL, NULL, NULL },
                { "/foo.service\n", NULL, NULL, NULL },
                { "/a@b.slice/c.service", NULL, NULL, NULL },
                { "/user@x.service/a.service", "user@x.service", NULL, NULL },
                { "/user@.service/a.service", NULL, NULL, NULL },
                { "/_", NULL, NULL, NULL },
                { "", NULL, NULL, NULL },

                /* No containers: too short, too long, not of those that are known, upper case */
                { "/docker/0a1b2c", NULL, NULL, NULL },
                { "/docker/" ID "0", NULL, NULL, NULL },
                { "/docker/0" ID, NULL, NULL, NULL },
                { "/docker" ID, NULL, NULL, NULL },
                { "/docker-" ID "x", NULL, NULL, NULL },
                { "/evil-" ID, NULL, NULL, NULL },
                { "/-" ID, NULL, NULL, NULL },
                { "/" ID ".scope", ID ".scope", NULL, NULL },
                { "/docker/0A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D4E5F60718293A4B5C6D7E8F9", NULL,
                  NULL, NULL },
                { "/docker/" ID ".mount", NULL, NULL, NULL },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autofree char *unit = unit_of_cgroup(rows[i].cgroup);
                g_autofree char *user_unit = unit_of_user(rows[i].cgroup);
                g_autofree char *container = unit_container(rows[i].cgroup);
                g_autofree char *where = g_strescape(rows[i].cgroup, NULL);

                if (g_strcmp0(unit, rows[i].unit) != 0 ||
                    g_strcmp0(user_unit, rows[i].user_unit) != 0 ||
                    g_strcmp0(container, rows[i].container) != 0)
                        g_error("%s: unit %s, of user %s, container %s", where, unit, user_unit,
                                container);
        }
}

static void test_long(void)
{
        g_autofree char *fill = g_strnfill(300, 'a');
        g_autofree char *just = g_strdup_printf("/%.*s.service", (int)UNIT_MAX_NAME - 8, fill);
        g_autofree char *more = g_strdup_printf("/%.*s.service", (int)UNIT_MAX_NAME - 7, fill);
        g_autofree char *slashes = g_strnfill(1 << 20, '/');
        g_autofree char *unit = unit_of_cgroup(just), *none = unit_of_cgroup(more);
        g_autofree char *no_container = unit_container(slashes);
        g_autoptr(GString) deep = g_string_new(NULL);
        g_autofree char *deepest = NULL;

        g_assert_cmpstr(unit, ==, just + 1);
        g_assert_null(none);
        g_assert_null(no_container);
        for (int i = 0; i < 100000; i++)
                g_string_append(deep, "/a.slice");
        g_string_append(deep, "/b.service");
        deepest = unit_of_cgroup(deep->str);
        g_assert_cmpstr(deepest, ==, "b.service");
}

static void assert_process(const char *text, const char *cgroup, const char *unit,
                           const char *user_unit, const char *container)
{
        g_auto(ProcessUnit) process = unit_of_process(text);

        g_assert_cmpstr(process.cgroup, ==, cgroup);
        g_assert_cmpstr(process.unit, ==, unit);
        g_assert_cmpstr(process.user_unit, ==, user_unit);
        g_assert_cmpstr(process.container, ==, container);
}

static void test_processes(void)
{
        assert_process("0::/system.slice/sshd.service\n", "/system.slice/sshd.service",
                       "sshd.service", NULL, NULL);
        assert_process("0::/system.slice/gone.service (deleted)\n", "/system.slice/gone.service",
                       "gone.service", NULL, NULL);
        assert_process("0::/\n", "/", NULL, NULL, NULL);
        /* systemd's hybrid hierarchy */
        assert_process("12:pids:/system.slice/ssh.service\n"
                       "11:cpu,cpuacct:/\n"
                       "1:name=systemd:/system.slice/ssh.service\n"
                       "0::/system.slice/ssh.service\n",
                       "/system.slice/ssh.service", "ssh.service", NULL, NULL);
        /* Version 1 alone */
        assert_process("4:memory:/user.slice\n"
                       "1:name=systemd:/user.slice/user-0.slice/session-1.scope\n",
                       "/user.slice/user-0.slice/session-1.scope", "session-1.scope", NULL, NULL);
        /* Docker with cgroupfs moves what it starts in version 1 only. */
        assert_process("9:memory:/docker/" ID "\n1:name=systemd:/docker/" ID "\n"
                       "0::/system.slice/containerd.service\n",
                       "/system.slice/containerd.service", "containerd.service", NULL, ID);
        /* A host without systemd, and one where version 2 says nothing */
        assert_process("3:cpuset:/\n2:memory:/docker/" ID "\n", "/docker/" ID, NULL, NULL, ID);
        assert_process("2:memory:/a\n1:name=systemd:/system.slice/b.service\n0::/\n",
                       "/system.slice/b.service", "b.service", NULL, NULL);
        /* What version 2 says comes first. */
        assert_process("2:memory:/docker/" ID2 "\n0::/docker/" ID "\n", "/docker/" ID, NULL, NULL,
                       ID);
        /* A path may have colons. */
        assert_process("0::/a:b/docker-" ID ".scope\n", "/a:b/docker-" ID ".scope", NULL, NULL, ID);
}

static void test_hostile_processes(void)
{
        assert_process("", NULL, NULL, NULL, NULL);
        assert_process("\n\n", NULL, NULL, NULL, NULL);
        assert_process("0", NULL, NULL, NULL, NULL);
        assert_process("0:", NULL, NULL, NULL, NULL);
        assert_process("0::", NULL, NULL, NULL, NULL);
        assert_process("0::relative.service", NULL, NULL, NULL, NULL);
        assert_process("0:x:/a.service", "/a.service", NULL, NULL, NULL);
        assert_process("5::/a.service", "/a.service", NULL, NULL, NULL);
        assert_process(" (deleted)\n0::/ (deleted)", "/", NULL, NULL, NULL);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/unit/paths", test_paths);
        g_test_add_func("/unit/long", test_long);
        g_test_add_func("/unit/processes", test_processes);
        g_test_add_func("/unit/hostile-processes", test_hostile_processes);
        return g_test_run();
}
