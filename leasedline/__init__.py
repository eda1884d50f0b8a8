"""The pure core of Leased line: from a network file to the files of every host.

Data flows one way, and a module imports only from those before it: `network` (what the user
wrote) -> `keys` -> `plan` (what a host must do) -> `networkd`, `firewall`, `probe` (how systemd
and nft say it) -> `bundle` (how it gets there) -> `report` (what people read). Nothing here imports
pulumi or opens a socket.
"""
