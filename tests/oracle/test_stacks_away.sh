#!/bin/bash
# Programs whose files are not where they were: deleted after their start, in a memfd, in another root,
# with another file in their place. Their call paths are whole, their names those of no other file.
set -eu
dir=$(mktemp -d)
. "$SOURCE/tests/oracle/stacks.sh"
need gcc ldd

build simple gcc -O2 -g -fomit-frame-pointer simple.c
build other gcc -O0 -g calls.c calls_library.c -D_GNU_SOURCE

# A program that deletes itself, or puts another one in its place, before it makes its calls.
cat >"$dir/gone.c" <<'C'
#include <stdio.h>
#include <unistd.h>
#undef main
int simple_main(void);
int main(int argc, char **argv)
{
    if (argc > 1 ? rename(argv[1], argv[0]) : unlink(argv[0]))
        return 1;
    return simple_main();
}
C
build gone.whole gcc -O2 -g -Dmain=simple_main "$dir/gone.c" simple.c
prepare() {
    cp "$dir/gone.whole" "$dir/gone"
    cp "$dir/other" "$dir/next"
}
compare "deleted once it runs" --at-least 3 --unnamed "$dir/gone" -- "$dir/gone"
compare "replaced once it runs" --at-least 3 --unnamed "$dir/gone" -- "$dir/gone" "$dir/next"
unset -f prepare
check "the other file" now <<'PYTHON'
troubles = report()["evidence"]["symbol_troubles"]
expect(any("/gone" in text and "build-id" in text for text in troubles), f"it is not named: {troubles}")
PYTHON

# A program in a memfd has no file at all.
cat >"$dir/in_memory.c" <<'C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    int from = open(argv[1], O_RDONLY), to = memfd_create("program", MFD_CLOEXEC);
    struct stat status;
    fstat(from, &status);
    if (sendfile(to, from, NULL, (size_t)status.st_size) != status.st_size)
        return 1;
    fexecve(to, argv + 1, environ);
    return argc;
}
C
build in_memory gcc -O2 "$dir/in_memory.c"
# gdb knows nothing of it, but of the file that was copied.
! ask_gdb simple parent "$dir/simple" || ! record memory "$dir/in_memory" "$dir/simple" ||
    compare_case "executed from a memfd" --marks --at-least 3 --unnamed "$dir/simple" --other-addresses \
        "$dir/memory.case" "$dir/simple.gdb"

# Another root: the same names mean other files there.
root=$dir/root
mkdir -p "$root$dir"
cp "$dir/simple" "$root$dir/simple"
for library in $(ldd "$dir/simple" | grep -o '/[^ ]*'); do
    mkdir -p "$root$(dirname "$library")"
    cp "$library" "$root$library"
done
if chroot "$root" "$dir/simple" 2>/dev/null; then
    cp "$dir/other" "$dir/simple"
    record root "$(command -v chroot)" "$root" "$dir/simple" &&
        compare_case "in another root" --marks --at-least 3 \
            --unnamed "$dir/simple" --other-addresses "$dir/root.case" "$dir/simple.gdb"
    cp "$root$dir/simple" "$dir/simple"
    if unshare -m true 2>/dev/null; then
        mkdir "$dir/elsewhere"
        record mount "$(command -v unshare)" -m "$(command -v sh)" -c "PATH=$PATH && mount --bind '$root' '$dir/elsewhere' && exec chroot '$dir/elsewhere' '$dir/simple'" &&
            compare_case "in another mount namespace" --marks \
                --at-least 3 --unnamed "$dir/simple" --other-addresses "$dir/mount.case" "$dir/simple.gdb"
    else
        echo "another mount namespace: left out, unshare is not allowed"
    fi
else
    echo "another root: left out, chroot is not allowed"
fi
finish
