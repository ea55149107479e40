"""Text and pages for readers, made from manifests."""
