{{/* The probe of a workload's own port: (dict "root" … "component" … "live" true). The mesh's port answers it without a
     certificate too. */}}
{{- define "tollgate.probe" -}}
httpGet:
  path: /health/{{ ternary "liveness" "readiness" .live }}
  port: {{ include "tollgate.port" . }}
  {{- if and .root.Values.mesh.mtls.enabled (ne .component "edge") }}
  scheme: HTTPS
  {{- end }}
{{- end }}

{{/* The template of a workload's pods. */}}
{{- define "tollgate.pod" -}}
{{- $root := .root }}
{{- $values := index $root.Values .component }}
{{- $mtls := and $root.Values.mesh.mtls.enabled (ne $root.Values.mode "single") }}
{{- $routes := or (eq .component "router") (eq $root.Values.mode "single") }}
metadata:
  labels:
    {{- include "tollgate.labels" . | nindent 4 }}
    {{- with $root.Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # A changed configuration or Secret of the chart's own is a new pod.
    checksum/config: {{ toYaml (list $root.Values.config $root.Values.secrets) | sha256sum }}
    {{- with mergeOverwrite (dict) $root.Values.podAnnotations $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "tollgate.componentName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with $root.Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  # Draining, the grace period for open calls, and a minute to settle and to give leases back.
  terminationGracePeriodSeconds: {{ add $root.Values.shutdown.drainSeconds $root.Values.shutdown.graceSeconds 60 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: tollgate
      image: {{ include "tollgate.image" $root | quote }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [serve]
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      env:
        {{- include "tollgate.env" . | trim | nindent 8 }}
      {{- with and $routes (include "tollgate.providerSecretName" $root) }}
      envFrom:
        - secretRef: {name: {{ . }}}
      {{- end }}
      ports:
        - {name: {{ include "tollgate.port" . }}, containerPort: {{ ternary 4000 $root.Values.mesh.port (eq .component "edge") }}}
      # A start waits for the database for 30 s, and settles what a log has.
      startupProbe:
        {{- include "tollgate.probe" (dict "root" $root "component" .component "live" true) | nindent 8 }}
        periodSeconds: 2
        timeoutSeconds: 3
        failureThreshold: 45
      livenessProbe:
        {{- include "tollgate.probe" (dict "root" $root "component" .component "live" true) | nindent 8 }}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        {{- include "tollgate.probe" (dict "root" $root "component" .component "live" false) | nindent 8 }}
        periodSeconds: {{ min 5 (max 1 (div $root.Values.shutdown.drainSeconds 2)) }}
        timeoutSeconds: 3
        failureThreshold: 1
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      volumeMounts:
        - {name: data, mountPath: /var/lib/tollgate}
        {{- if include "tollgate.configMapName" $root }}
        - {name: config, mountPath: /etc/tollgate, readOnly: true}
        {{- end }}
        {{- if $mtls }}
        - {name: mesh, mountPath: /etc/tollgate-mesh, readOnly: true}
        {{- end }}
  volumes:
    {{- if ne .component "edge" }}
    - name: data
      emptyDir: {sizeLimit: 16Mi}
    {{- end }}
    {{- with include "tollgate.configMapName" $root }}
    - name: config
      configMap: {name: {{ . }}}
    {{- end }}
    {{- if $mtls }}
    - name: mesh
      secret: {secretName: {{ include "tollgate.meshSecretName" $root }}, defaultMode: 0440}
    {{- end }}
    {{- if and (eq .component "edge") (not $mtls) (not (include "tollgate.configMapName" $root)) }}
    []
    {{- end }}
  # Apart from each other: first by zone, then by node.
  topologySpreadConstraints:
    {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "tollgate.selectorLabels" $ | nindent 10 }}
    {{- end }}
  {{- with mergeOverwrite (dict) $root.Values.nodeSelector $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with concat $root.Values.tolerations $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with default $root.Values.affinity $values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
