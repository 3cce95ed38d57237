"""Layer 3: from folders of pictures to training examples."""
