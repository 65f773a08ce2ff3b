#!/usr/bin/env bash
# Becomes the pd-server beside this script, with the arguments that a configuration sets in PD_ARGS; see --help.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source "$here/../launch.sh"
launch "$here/pd-server" PD_ARGS "$@"
