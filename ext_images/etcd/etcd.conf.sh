# An etcd of one member for ext_images/etcd/start.sh --config …; $WORKDIR is the folder given with --workdir.
ETCD_ARGS=(
    --name fluxon
    --data-dir "$WORKDIR/data"
    --listen-client-urls http://127.0.0.1:2379
    --advertise-client-urls http://127.0.0.1:2379
    --listen-peer-urls http://127.0.0.1:2380
    --initial-advertise-peer-urls http://127.0.0.1:2380
    --initial-cluster fluxon=http://127.0.0.1:2380
    # Nothing is written per value, so a revision an hour old is of use to nobody.
    --auto-compaction-retention 1
)
