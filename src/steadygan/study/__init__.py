"""The study: claims about training as experiments that anyone can run again."""
