#!/usr/bin/env bash
# Becomes the greptime beside this script, with the arguments that a configuration sets in GREPTIME_ARGS; see --help.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source "$here/../launch.sh"
launch "$here/greptime" GREPTIME_ARGS "$@"
