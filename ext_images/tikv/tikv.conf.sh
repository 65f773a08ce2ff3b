# A TiKV of one store for ext_images/tikv/start_tikv.sh; start the placement driver first.
TIKV_ARGS=(
    --pd-endpoints 127.0.0.1:2389
    --addr 127.0.0.1:20160
    --status-addr 127.0.0.1:20180
    --data-dir "$WORKDIR/tikv"
)
