{{- define "tollgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* 40 characters leave room for "-compressor" and a pod's own suffix. */}}
{{- define "tollgate.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "tollgate.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "tollgate.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The workloads of this release, with commas between; in single mode the edge's runs everything. */}}
{{- define "tollgate.components" -}}
{{- if eq .Values.mode "single" }}edge{{ else }}edge,router,cache,compressor,keystore,budget{{ end }}
{{- end }}

{{/* Below, the context is (dict "root" $ "component" "router"). */}}
{{- define "tollgate.componentName" -}}
{{ include "tollgate.fullname" .root }}-{{ .component }}
{{- end }}

{{- define "tollgate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tollgate.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "tollgate.labels" -}}
{{ include "tollgate.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "tollgate.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}

{{- define "tollgate.secretName" -}}
{{- if .Values.secrets.create }}{{ include "tollgate.fullname" . }}{{ else }}{{ required "secrets.existingSecret names no Secret" .Values.secrets.existingSecret }}{{ end }}
{{- end }}

{{- define "tollgate.providerSecretName" -}}
{{- if and .Values.secrets.create .Values.secrets.providerValues }}{{ include "tollgate.fullname" . }}-providers{{ else }}{{ .Values.secrets.existingProviderSecret }}{{ end }}
{{- end }}

{{- define "tollgate.configMapName" -}}
{{- if .Values.config }}{{ include "tollgate.fullname" . }}{{ else }}{{ .Values.existingConfigMap }}{{ end }}
{{- end }}

{{- define "tollgate.meshSecretName" -}}
{{ required "mesh.mtls.existingSecret names no Secret" .Values.mesh.mtls.existingSecret }}
{{- end }}

{{/* Where the others find a service: a headless one, so that its name is the addresses of all its pods. */}}
{{- define "tollgate.url" -}}
{{ ternary "https" "http" .root.Values.mesh.mtls.enabled }}://{{ include "tollgate.componentName" . }}:{{ .root.Values.mesh.port }}
{{- end }}

{{- define "tollgate.port" -}}
{{ ternary "http" "mesh" (eq .component "edge") }}
{{- end }}
