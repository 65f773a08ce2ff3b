#!/usr/bin/env bash
# Becomes the tikv-server beside this script, with the arguments that a configuration sets in TIKV_ARGS; see --help.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source "$here/../launch.sh"
launch "$here/tikv-server" TIKV_ARGS "$@"
