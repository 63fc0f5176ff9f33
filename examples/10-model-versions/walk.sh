#!/usr/bin/env bash
# The life of a model version. main.go runs it where weir.yaml lies, with Envoy at $ENVOY_URL, Weir's admin listener at $ADMIN, weir at $WEIR, and the
# tokens of everybody in files.
set -euo pipefail
passed=0 failed=0 last=
step() { # step WHAT WANTED-IN-OUTPUT COMMAND…: runs it, shows it, and looks for the text, whatever the exit code
  local what=$1 want=$2
  shift 2
  printf '\n%s\n  $ %s\n' "$what" "$*"
  last=$("$@" 2>&1) || true
  sed 's/^/  /' <<<"$last"
  if grep -qF -- "$want" <<<"$last"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "  FAILED: no \"$want\""
  fi
}
as() { # as WHO WHY FILE: asks for a model, and shows the status and why
  curl -sS -o got -w '%{http_code} ' -H "Authorization: Bearer $(cat "$1.token")" -H "weir-justification: $2" "$ENVOY_URL/store/safetensors/$3" && sed -n 's/.*"detail":"\([^"]*\)".*/\1/p' got
}
models() { # models WHO COMMAND…: weir models as a reviewer
  "$WEIR" models "$2" --config weir.yaml --token-file "$1.token" "${@:3}"
}
deliver() { # deliver FILE [SECRET]: sends an event as MLflow does
  local id stamp mac
  id=$(openssl rand -hex 16) stamp=$(date +%s)
  mac=$({ printf '%s.%s.' "$id" "$stamp" && cat "$1"; } | openssl dgst -sha256 -hmac "${2:-$(cat mlflow.secret)}" -binary | base64)
  curl -sS -H "X-MLflow-Delivery-ID: $id" -H "X-MLflow-Timestamp: $stamp" -H "X-MLflow-Signature: v1,$mac" --data-binary "@$1" "$ADMIN/models/webhook"
}
churn=2000000/churn.safetensors fraud=3000000/fraud.safetensors toxicity=1000000/toxicity.safetensors

step '1. The registry does not know this model: it is restricted, and not for research.' '403 your groups may not read a version of a model that the registry does not know' as alice 'MODEL-1 nightly' $churn
step '2. This one is in models.yaml.' '200' as alice 'MODEL-1 nightly' $toxicity
step '3. Carol registers the version; what makes it less strict is a proposal.' 'proposed: churn/7 is restricted' models carol propose --sensitivity internal --reason 'reviewed in MODEL-7' churn/7 "models/store/safetensors/$churn@safetensors-2000000"
proposal=${last##* }
step '4. She cannot confirm it herself.' 'two different people' models carol confirm "$proposal"
step '5. Erin does.' 'applied: churn/7 is internal' models erin confirm "$proposal"
step '6. It holds for the next request.' '200' as alice 'MODEL-1 nightly' $churn
step '7. To raise takes one person.' 'applied: churn/7 is confidential' models erin propose --sensitivity confidential churn/7
step '8. That holds for the next request, too.' 'class confidential' as alice 'MODEL-1 nightly' $churn
step '9. To retire takes one person.' 'applied: churn/7 is confidential and retired' models carol retire --reason 'leaks names' churn/7
step '10. It is for nobody now.' '403 this version of a model is retired' as dave 'MODEL-2 evaluation' $churn
step '11. But in an emergency, for those who may then, with the words for it.' '200' as oncall 'OPS-9 break-glass: production is down' $churn
step '12. The record says so; and of each change who made it.' 'flags=break_glass,retired_version' "$WEIR" audit tail --config weir.yaml -n 6
step '13. An event of MLflow registers a version; what it does not sign is not taken.' '"outcome": "applied"' deliver created.json
step '14. With another secret.' 'does not fit' deliver retired.json 'a guess'
step '15. An event retires it.' '"outcome": "applied"' deliver retired.json
step '16. Which holds for the next request.' '403 this version of a model is retired' as dave 'MODEL-2 evaluation' $fraud
step '17. What is known.' 'fraud/1' models erin list

printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
