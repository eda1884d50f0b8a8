"""The lab's cloud: an Alibaba API of our own, and the machines behind it."""
