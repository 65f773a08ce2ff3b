# A standalone GreptimeDB for ext_images/greptime/start.sh; metrics by Prometheus remote write, logs by OTLP, both on 4000.
GREPTIME_ARGS=(
    standalone start
    --data-home "$WORKDIR/data"
    --http-addr 127.0.0.1:4000
    --rpc-bind-addr 127.0.0.1:4001
    --mysql-addr 127.0.0.1:4002
    --postgres-addr 127.0.0.1:4003
)
