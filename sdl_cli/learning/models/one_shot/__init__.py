"""Naming a drawing by one example of each class: what is known of drawings beforehand stands in for more examples."""
