"""The cluster on real pods: podman runs the manifests' own objects on two hosts, and faults are played."""
