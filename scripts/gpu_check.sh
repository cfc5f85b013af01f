#!/usr/bin/env bash
# Tell everything that only a GPU can tell, in under nine minutes; call it again to continue. Needs torch, transformers
# and peft. Results: FOLDER/gpu_check.json (default: gpu-check).
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-gpu-check}
shift || true
exec "${PYTHON:-python3}" -m benchmarks.gpu_check --out "$folder" "$@"
