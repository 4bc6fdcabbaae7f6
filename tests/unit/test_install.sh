#!/bin/bash
# What `cmake --install` puts where.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$(dirname "$SEEP")" --prefix "$work" >"$work/log"
[ "$("$work/bin/seep" --version)" = "$("$SEEP" --version)" ]
for file in share/man/man1/seep.1 share/man/man1/seep-show.1 \
    share/bash-completion/completions/seep share/zsh/site-functions/_seep \
    share/fish/vendor_completions.d/seep.fish; do
    [ -s "$work/$file" ] || {
        echo "$file is not installed"
        exit 1
    }
    [ "$(stat -c %a "$work/$file")" = 644 ] || {
        echo "$file is not readable for everyone"
        exit 1
    }
done
