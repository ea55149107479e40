"""Ways to look at an archive, or to hand it on: a file each. All read manifests, none writes an original."""
