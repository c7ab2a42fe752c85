"""Texts as the embeddings of a pretrained sentence network: probed, or fine-tuned with all of its layers."""
