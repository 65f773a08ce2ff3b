#!/usr/bin/env bash
# Becomes the etcd beside this script, with the arguments that a configuration sets in ETCD_ARGS; see --help.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source "$here/../launch.sh"
launch "$here/etcd" ETCD_ARGS "$@"
