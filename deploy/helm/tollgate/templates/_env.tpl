{{/* A variable out of the release's Secret: (list root name optional). */}}
{{- define "tollgate.secretEnv" -}}
{{- $root := index . 0 }}
- name: {{ index . 1 }}
  valueFrom:
    secretKeyRef:
      name: {{ include "tollgate.secretName" $root }}
      key: {{ index . 1 }}
      {{- if index . 2 }}
      optional: true
      {{- end }}
{{- end }}

{{/* What a workload's process is told: no secret that it has no use for. */}}
{{- define "tollgate.env" -}}
{{- $root := .root }}
{{- $component := .component }}
{{- $values := index $root.Values $component }}
{{- $single := eq $root.Values.mode "single" }}
{{- $edge := eq $component "edge" }}
{{- if not $single }}
- name: TOLLGATE_SERVICES
  value: {{ $component }}
{{- end }}
{{- if $edge }}
- name: TOLLGATE_ADDR
  value: "0.0.0.0:4000"
{{- else }}
- name: TOLLGATE_MESH_ADDR
  value: "0.0.0.0:{{ $root.Values.mesh.port }}"
{{- end }}
- name: TOLLGATE_DATA_DIR
  value: /var/lib/tollgate
- name: TOLLGATE_DRAIN_DELAY
  value: "{{ $root.Values.shutdown.drainSeconds }}s"
- name: TOLLGATE_GRACE_PERIOD
  value: "{{ $root.Values.shutdown.graceSeconds }}s"
- name: TOLLGATE_ALLOWED_PROVIDER_HOSTS
  value: {{ join "," $root.Values.providers.allowedHosts | quote }}
- name: GOMEMLIMIT
  value: {{ $values.goMemLimit | quote }}
{{- if include "tollgate.configMapName" $root }}
- name: TOLLGATE_CONFIG
  value: /etc/tollgate/config.yaml
{{- end }}
{{- if not $single }}
{{- include "tollgate.secretEnv" (list $root "TOLLGATE_MESH_TOKEN" false) }}
{{- include "tollgate.secretEnv" (list $root "TOLLGATE_MESH_PREVIOUS_TOKEN" true) }}
{{- if $root.Values.mesh.mtls.enabled }}
- name: TOLLGATE_MESH_CERT
  value: /etc/tollgate-mesh/tls.crt
- name: TOLLGATE_MESH_KEY
  value: /etc/tollgate-mesh/tls.key
- name: TOLLGATE_MESH_CA
  value: /etc/tollgate-mesh/ca.crt
{{- end }}
{{- range $called := splitList "," (include "tollgate.calls" $component) }}
{{- if $called }}
- name: TOLLGATE_{{ upper $called }}_URL
  value: {{ include "tollgate.url" (dict "root" $root "component" $called) }}
{{- end }}
{{- end }}
{{- end }}
{{- if has $component (list "edge" "keystore") }}
{{- include "tollgate.secretEnv" (list $root "TOLLGATE_MASTER_KEY" false) }}
{{- include "tollgate.secretEnv" (list $root "TOLLGATE_SALT_KEY" false) }}
{{- end }}
{{- if has $component (list "edge" "keystore" "budget") }}
{{- include "tollgate.secretEnv" (list $root "DATABASE_URL" false) }}
{{- end }}
{{- if has $component (list "edge" "cache" "compressor") }}
{{- include "tollgate.secretEnv" (list $root "REDIS_URL" true) }}
{{- end }}
{{- if and $root.Values.kafka.brokers (or $single (eq $component "budget")) }}
- name: KAFKA_BROKERS
  value: {{ $root.Values.kafka.brokers | quote }}
{{- end }}
{{- with concat $root.Values.extraEnv $values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Who calls whom, with commas between. */}}
{{- define "tollgate.calls" -}}
{{- if eq . "edge" }}router,cache,compressor,keystore,budget{{ else if has . (list "router" "budget") }}keystore{{ end }}
{{- end }}

{{/* Who is called by whom, with commas between. */}}
{{- define "tollgate.callers" -}}
{{- if eq . "keystore" }}edge,router,budget{{ else if ne . "edge" }}edge{{ end }}
{{- end }}
