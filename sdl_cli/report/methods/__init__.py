"""What a run did, in words for the methods part of a paper."""
