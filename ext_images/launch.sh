# Shared by the start scripts beside it: source this, then call `launch`.

# launch BINARY ARRAY ARGUMENT...
# Reads --config FILE and --workdir DIR from the arguments, sources FILE, which sets the bash array ARRAY and may use $WORKDIR,
# and becomes BINARY with that array as its arguments. Every problem is named on standard error; exit 64 then.
launch() {
    local launch_binary=$1 launch_array=$2 launch_config="" launch_problems=()
    shift 2
    WORKDIR=""
    while (($#)); do
        case $1 in
            -c | --config | -w | --workdir)
                if (($# < 2)); then
                    launch_problems+=("$1 needs a value")
                    break
                fi
                if [[ $1 == -c || $1 == --config ]]; then launch_config=$2; else WORKDIR=$2; fi
                shift 2
                ;;
            --config=*) launch_config=${1#*=}; shift ;;
            --workdir=*) WORKDIR=${1#*=}; shift ;;
            -h | --help) launch_usage "$launch_binary" "$launch_array"; exit 0 ;;
            *) launch_problems+=("unknown argument '$1'"); shift ;;
        esac
    done

    if [[ -z $launch_config ]]; then
        launch_problems+=("--config FILE is missing")
    elif [[ ! -f $launch_config || ! -r $launch_config ]]; then
        launch_problems+=("the configuration '$launch_config' is missing or not readable")
    fi
    [[ -n $WORKDIR ]] || launch_problems+=("--workdir DIR is missing")
    if [[ ! -x $launch_binary || -d $launch_binary ]]; then
        launch_problems+=("the binary '$launch_binary' is missing or not executable; run $(dirname "$(dirname "$launch_binary")")/fetch")
    fi
    launch_refuse "${launch_problems[@]}"

    mkdir -p -- "$WORKDIR" && WORKDIR=$(cd -- "$WORKDIR" && pwd -P) || launch_refuse "the folder '$WORKDIR' cannot be made"
    # Absolute, since `source` would look a bare name up in PATH.
    launch_config=$(cd -- "$(dirname -- "$launch_config")" && pwd -P)/$(basename -- "$launch_config")
    unset -v "$launch_array"
    # shellcheck disable=SC1090
    source "$launch_config" || launch_refuse "the configuration '$launch_config' failed"
    [[ $(declare -p "$launch_array" 2>/dev/null) == "declare -a"* ]] ||
        launch_refuse "the configuration '$launch_config' does not set the array $launch_array, e.g. $launch_array=(--name one)"

    local -n launch_arguments=$launch_array
    exec "$launch_binary" "${launch_arguments[@]}"
}

# Ends with 64 when there is any problem, after naming each.
launch_refuse() {
    (($# > 0)) || return 0
    local problem
    for problem in "$@"; do printf '%s: %s\n' "$0" "$problem" >&2; done
    exit 64
}

launch_usage() {
    cat <<USAGE
usage: $0 --config FILE --workdir DIR

  -c, --config FILE   a bash file that sets $2 as an array, the program's arguments; it may use \$WORKDIR
  -w, --workdir DIR   the program's folder, made when missing; \$WORKDIR is its absolute path

Becomes $1, so that the process id is the program's. Exit 64 when a file, the binary or the array is missing.
USAGE
}
