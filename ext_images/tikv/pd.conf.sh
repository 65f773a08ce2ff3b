# A placement driver of one member for ext_images/tikv/start_pd.sh.
PD_ARGS=(
    --name pd
    --data-dir "$WORKDIR/pd"
    --client-urls http://127.0.0.1:2389
    --peer-urls http://127.0.0.1:2390
    --initial-cluster pd=http://127.0.0.1:2390
)
