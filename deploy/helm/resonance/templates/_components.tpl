{{- /* Made by scripts/helm_chart.py: settings of the base and of the components. */}}
{{- define "resonance.componentSettings" -}}
RESONANCE_DRAIN_S_MAX: "45"
RESONANCE_EXTRACT_ADDR: "dns:///extract:50051"
RESONANCE_GENERATE_ADDR: "dns:///generate:50051"
RESONANCE_INGEST_ADDR: "dns:///ingest:50051"
RESONANCE_SPEECH_ADDR: "dns:///speech:50051"
RESONANCE_VIDEO_ADDR: "dns:///video:50051"
{{- if (index .Values.components "gpu") }}
RESONANCE_DEVICE: "cuda"
RESONANCE_PRECISION: "fp16"
{{- end }}
{{- if (index .Values.components "oidc") }}
RESONANCE_OIDC_AUDIENCE: "resonance"
{{- end }}
{{- if (index .Values.components "temporal") }}
RESONANCE_ENGINE: "temporal://temporal:7233/default"
{{- end }}
{{- if (index .Values.components "tls") }}
RESONANCE_HEALTH_ADDR: "0.0.0.0:50052"
RESONANCE_TLS_DIR: "/tls"
{{- end }}
{{- end }}
