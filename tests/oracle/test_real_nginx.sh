#!/bin/bash
# nginx, master and workers that exist before seep comes: requests that map and unmap are no leak, and
# all of them are answered.
set -eu
dir=$(mktemp -d)
. "$SOURCE/tests/oracle/real.sh"
need nginx wrk
port=$(free_port)

# Bodies that take buffers, and files that are mapped for each request.
mkdir "$dir/www" "$dir/logs"
head -c 300000 /dev/urandom >"$dir/www/large"
echo "was here" >"$dir/www/small"
cat >"$dir/nginx.conf" <<CONF
daemon off;
worker_processes 2;
user $(id -un);
pid $dir/nginx.pid;
error_log $dir/logs/error.log;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
    gzip on;
    gzip_types *;
    gzip_comp_level 1;
    output_buffers 2 256k;
    server { listen 127.0.0.1:$port; root $dir/www; }
}
CONF
chmod -R a+rX "$dir"
nginx -e "$dir/logs/start.log" -p "$dir" -c "$dir/nginx.conf" & master=$!
started "$master"
fetch() {
    python3 -c 'import sys, urllib.request
sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1]).read())' "http://127.0.0.1:$port/$1"
}
await "answer of nginx" fetch small
workers=$(cat /proc/"$master"/task/"$master"/children)
[ "$(wc -w <<<"$workers")" = 2 ] || fail "nginx has the workers '$workers', not two"

wrk -t1 -c8 -d60s -H "Accept-Encoding: gzip" "http://127.0.0.1:$port/large" >/dev/null & load=$!
started "$load"
record nginx 5 --tree -p "$master"
for pid in $master $workers; do
    untouched "$pid"
done
kill "$load"
wait "$load" 2>/dev/null || true
check nginx <<'PYTHON'
expect(len(report["processes"]) == 3, f"processes {report['processes']}")
expect(evidence["events"] > 10, f"{evidence['events']} events")
expect(not found("leak suspect"), "requests are called a leak")
PYTHON

[ "$(fetch small)" = "was here" ] || fail "nginx answers wrongly"
fetch large | cmp - "$dir/www/large" || fail "nginx answers wrongly"
[ "$(cat /proc/"$master"/task/"$master"/children)" = "$workers" ] || fail "a worker has died"
kill -QUIT "$master"
ended_with 0 "$master"
[ ! -s "$dir/logs/error.log" ] || fail "$(head -n 5 "$dir/logs/error.log")"
