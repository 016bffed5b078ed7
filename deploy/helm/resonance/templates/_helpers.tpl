{{- /* Names, images and settings that the templates share. */}}
{{- define "resonance.image" -}}
{{- $root := index . 0 }}
{{- $tag := $root.Values.image.tag | default $root.Chart.AppVersion }}
{{- with $root.Values.image.registry }}{{ . }}/{{ end }}resonance-{{ index . 1 }}:{{ $tag }}
{{- end }}

{{- define "resonance.secret" -}}
{{ .Values.secrets.existing | default "resonance-store" }}
{{- end }}

{{- define "resonance.engineSecret" -}}
{{ .Values.secrets.existingEngine | default "engine-database" }}
{{- end }}

{{- /* Settings of the base, of the components that are on, and of the values, the latter first. */}}
{{- define "resonance.settings" -}}
{{- $settings := merge (dict) .Values.settings (include "resonance.componentSettings" . | fromYaml) }}
{{- if not (hasKey $settings "RESONANCE_STORE") }}{{ fail "settings.RESONANCE_STORE is needed: s3://HOST/BUCKET" }}{{ end }}
{{- if not (hasKey $settings "RESONANCE_ENGINE") }}{{ fail "settings.RESONANCE_ENGINE is needed: temporal://HOST:7233/NAMESPACE, or components.temporal" }}{{ end }}
{{- range $name, $text := $settings }}
{{ $name }}: {{ $text | toString | quote }}
{{- end }}
{{- end }}
