# shellcheck shell=bash disable=SC2034  # read by the scripts that source it
# Every version that the toolchain fixes, in one place. What each one is pinned for: README.md.

pulumi_version=3.259.0
language_host_version=3.79.0 # the last SDK module that carries the Python language host
command_version=1.2.1        # as in requirements.txt
command_stand_in="$command_version+stand-in" # build metadata: equal to 1.2.1 for the engine
alicloud_version=3.105.0      # as in requirements-cloud.txt
alicloud_stand_in="$alicloud_version+stand-in"
go_minimum=1.25.11           # as in the go.mod files
python_minimum=3.11          # as in pyproject.toml
