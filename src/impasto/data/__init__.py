"""From folders of pictures to training examples."""
