"""A hub that the stack buys in Alibaba Cloud: network, firewall, public address and machine."""

from __future__ import annotations

import copy
import hashlib
import re
from dataclasses import replace
from typing import Any, Final

import pulumi
import pulumi_alicloud as alicloud
from pulumi_alicloud import ecs
from pulumi_command import remote
from pulumi_command.remote import ConnectionArgs

from components.alibaba_access import admin_cidrs, require_credentials
from components.alibaba_choice import choose
from components.alibaba_network import Surroundings, place_in_network
from components.hub_existing import login_of, proxy_of
from components.place import PlacedHub
from components.price import price
from components.settings import Last, Settings
from leasedline.alibaba import NONE, OWN
from leasedline.alibaba_errors import explain
from leasedline.capacity import capacity
from leasedline.cloud_init import BOOTED, user_data
from leasedline.keys import SshKeyError, ssh_public
from leasedline.moving import CloudHub, outage
from leasedline.ssh import Login

ACCOUNTS: Final = {"china": "Domestic", "international": "International"}

BOOT_TIMEOUT: Final = "25m"
"""For a burstable machine that boots, installs packages, and is only then asked."""

BOOT_DIALS: Final = 60
"""Tries to reach it: a refused one is repeated after 5 s, one without an answer after 20."""

_BURSTABLE: Final = re.compile(r"ecs\.t[56]-")


class AlibabaHub(pulumi.ComponentResource):
    """All that the hub needs in Alibaba Cloud.

    What another machine, zone or region replaces is made new before the old goes, except for the
    EIP's binding, which can only be at one of two machines. `placed` is where the hub is;
    `outputs` is what the stack tells of it.
    """

    placed: PlacedHub
    outputs: dict[str, pulumi.Output[object]]

    def __init__(
        self,
        name: str,
        settings: Settings,
        last: Last,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register everything but the wait for the machine's first boot (`booted`).

        Args:
            name: the hub's name; children are called `<name>-vpc` and so on.
            settings: what the stack was told; without an SSH key of its own, one is derived.
            last: what the last complete run left.
            opts: options of the component itself.

        Raises:
            pulumi.RunError: the network file or the environment lacks something.
        """
        network = settings.network
        if network.hub.alibaba is None:
            msg = (
                f"hub {name} is to be in Alibaba Cloud, and the network file does not say where: "
                "add the section alibaba: to hub:, for example alibaba: {region: cn-hangzhou} "
                "(docs/alibaba-cloud.md)"
            )
            raise pulumi.RunError(msg)
        require_credentials()
        self._wanted = network.hub.alibaba
        self._private_key = settings.ssh_key or settings.ring.ssh_login().private
        self._has_own_key = settings.ssh_key is not None
        try:
            self._authorized = ssh_public(self._private_key)
        except SshKeyError as error:
            raise pulumi.RunError(str(error)) from None
        self._admins = [] if self._wanted.security_group else admin_cidrs(self._wanted)
        super().__init__("leased-line:alibaba:AlibabaHub", name, None, opts)
        self._name = name
        self._network = network
        self._ring = settings.ring
        self._full_name = f"leased-line-{pulumi.get_stack()}-{name}"
        tags = {
            **self._wanted.tags,
            "leased-line-stack": pulumi.get_stack(),
            "leased-line-host": name,
        }
        # The region is in the name, so that another region's is another provider.
        self._account = alicloud.Provider(
            f"alibaba-{self._wanted.region}",
            region=self._wanted.region,
            account_type=ACCOUNTS[self._wanted.account],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._explain = pulumi.ErrorHook(f"explain-{name}", _explain)
        self._bought = self._announced(last.bought)
        # Known only once the API has answered: where it refuses to, nothing has been begun.
        self._tags = self._bought.apply(lambda _: tags)
        self._instance = self._make_instance()
        address, bindings = self._public_address()
        self.placed = self._place(address, bindings)
        self.outputs = {
            "hub_cloud": self._bought.apply(lambda bought: bought.as_output()),
            "hub_capacity": pulumi.Output.from_input(capacity(self._wanted, network.mtu)),
        }
        self.register_outputs(dict(self.outputs))

    def booted(self, hub: PlacedHub) -> PlacedHub:
        """Return `hub`, the way that `placed` is reached by, behind the machine's first boot.

        Whatever is done on the hub waits until its packages are installed.
        """
        connection = copy.copy(hub.connection)
        connection.dial_error_limit = BOOT_DIALS
        booted = remote.Command(
            f"{self._name}-booted",
            connection=connection,
            create=pulumi.Output.concat(BOOTED, " # ", hub.machine or ""),
            logging=remote.Logging.NONE,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=list(hub.ready),
                deleted_with=self._instance,
                custom_timeouts=pulumi.CustomTimeouts(create=BOOT_TIMEOUT, update=BOOT_TIMEOUT),
            ),
        )
        return replace(hub, ready=[*hub.ready, booted])

    def _announced(self, before: CloudHub | None) -> pulumi.Output[CloudHub]:
        def announce(bought: CloudHub) -> CloudHub:
            if line := outage(self._wanted, before, bought):
                pulumi.log.warn(line)
            return bought

        bought: pulumi.Output[CloudHub] = pulumi.Output.from_input(
            choose(self._wanted, before, self._account)
        )
        if pulumi.runtime.is_dry_run():
            pulumi.log.info("\n".join(capacity(self._wanted, self._network.mtu)))
            self._told: pulumi.Output[bool] = bought.apply(self._tell_price)
        return bought.apply(announce)

    async def _tell_price(self, bought: CloudHub) -> bool:
        pulumi.log.info(await price(self._wanted, bought))
        return True

    def _options(self, **more: Any) -> pulumi.ResourceOptions:
        """Return the options of everything in the cloud.

        Names there need not be unique, or carry what differs, so that the new always comes first.
        """
        own = pulumi.ResourceOptions(
            parent=self,
            provider=self._account,
            # The bridge takes another region of the provider for no reason to replace anything:
            # everything would be lost sight of where it is, and billed on.
            replacement_trigger=self._wanted.region,
            delete_before_replace=False,
            hooks=pulumi.ResourceHookBinding(on_error=[self._explain]),
        )
        return pulumi.ResourceOptions.merge(own, pulumi.ResourceOptions(**more))

    def _make_instance(self) -> ecs.Instance:
        wanted = self._wanted
        subscription: dict[str, Any] = {}
        if wanted.charge == "PrePaid":
            subscription = {
                "period": wanted.period,
                "period_unit": "Month",
                "force_delete": wanted.force_delete,
            }
        if wanted.eip == NONE:
            subscription |= {
                "internet_charge_type": "PayByTraffic",
                "internet_max_bandwidth_out": wanted.bandwidth,
            }
        if _BURSTABLE.match(wanted.instance_type):
            subscription["credit_specification"] = wanted.credits
        group, vswitch = place_in_network(
            Surroundings(
                name=self._name,
                full_name=self._full_name,
                tags=self._tags,
                network=self._network,
                wanted=wanted,
                zone=self._bought.apply(lambda bought: bought.zone),
                admins=self._admins,
                options=self._options,
            )
        )
        text = user_data(self._name, self._ring.ssh_host(self._name), self._authorized)
        return ecs.Instance(
            f"{self._name}-instance",
            instance_name=self._full_name,
            instance_type=wanted.instance_type,
            image_id=self._bought.apply(lambda bought: bought.image_id),
            system_disk_category=wanted.disk_category,
            system_disk_size=wanted.disk_gib,
            security_groups=[group],
            vswitch_id=vswitch,
            key_name=self._key_pair(),
            user_data=pulumi.Output.secret(text),
            instance_charge_type=wanted.charge,
            deletion_protection=wanted.deletion_protection,
            tags=self._tags,
            **subscription,
            opts=self._options(
                additional_secret_outputs=["userData"],
                # The provider would stop the machine and change it in place, and cloud-init reads
                # its user data only once. ignore_changes is no way to keep an old value: it would
                # hand that to the machine that replaces this one as well.
                **(
                    {
                        "replace_on_changes": [
                            *("instanceType", "imageId", "vswitchId", "keyName", "userData"),
                        ]
                    }
                    if wanted.replaceable
                    else {"ignore_changes": ["userData"]}
                ),
            ),
        )

    def _key_pair(self) -> pulumi.Input[str]:
        if self._wanted.key_pair is not None:
            return self._wanted.key_pair
        public = self._ring.ssh_login().public
        # Unique in the region, and another key is another pair, made before the old one goes.
        digest = hashlib.sha256(public.encode()).hexdigest()[:8]
        return ecs.EcsKeyPair(
            f"{self._name}-key",
            key_pair_name=re.sub(r"[^A-Za-z0-9_-]", "-", f"{self._full_name}-{digest}"),
            public_key=public,
            tags=self._tags,
            opts=self._options(),
        ).key_pair_name

    def _public_address(self) -> tuple[pulumi.Output[str], list[pulumi.Resource]]:
        wanted = self._wanted
        if wanted.eip == NONE:
            return self._instance.public_ip, [self._instance]
        if wanted.eip == OWN:
            eip = ecs.EipAddress(
                f"{self._name}-eip",
                address_name=self._full_name,
                bandwidth=str(wanted.bandwidth),
                internet_charge_type="PayByTraffic",
                payment_type="PayAsYouGo",
                tags=self._tags,
                opts=self._options(),
            )
        else:
            eip = ecs.EipAddress.get(
                f"{self._name}-{wanted.eip}",
                wanted.eip,
                opts=pulumi.ResourceOptions(parent=self, provider=self._account),
            )
        # Two machines cannot have the EIP at once, but each region has one of its own: there it is
        # another binding, so that the old one stays until the line is on the new one.
        binding = ecs.EipAssociation(
            f"{self._name}-binding-{wanted.region}",
            allocation_id=eip.id,
            instance_id=self._instance.id,
            instance_type="EcsInstance",
            opts=self._options(delete_before_replace=True),
        )
        return eip.ip_address, [binding]

    def _place(self, address: pulumi.Output[str], bindings: list[pulumi.Resource]) -> PlacedHub:
        jump = self._wanted.jump
        key = pulumi.Output.secret(self._private_key)
        host_key = self._ring.ssh_host(self._name).public
        return PlacedHub(
            user="root",
            connection=ConnectionArgs(
                host=address,
                port=22.0,
                user="root",
                host_key=host_key,
                private_key=key,
                proxy=proxy_of(jump, key) if jump else None,
            ),
            login=address.apply(
                lambda address: Login(
                    host=address,
                    port=22,
                    user="root",
                    host_key=host_key,
                    jump=login_of(jump) if jump else None,
                    derived=not self._has_own_key,
                )
            ),
            ready=bindings,
            # A DNS name that leads to the address may be dialled instead.
            address=self._network.hub.endpoint or address,
            machine=pulumi.Output.concat(
                self._instance.id, " ", self._bought.apply(lambda bought: bought.image_id)
            ),
            deleted_with=self._instance,
        )


def _explain(args: pulumi.ErrorHookArgs) -> bool:
    """Tell what Alibaba Cloud means; what can be retried the provider has retried already."""
    if args.errors and (line := explain(args.errors[0])):
        pulumi.log.error(line)
    return False
