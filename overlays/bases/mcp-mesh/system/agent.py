"""Tells the other agents about the machine that it runs on."""

import os
import platform
from datetime import datetime, timezone

import mesh
import yaml
from fastmcp import FastMCP

with open(os.environ["AGENT_CONFIG"], encoding="utf-8") as file:
    config = yaml.safe_load(file)
version = next(c["version"] for c in config["capabilities"] if c["name"] == "system_info")

app = FastMCP("system")


@app.tool()
@mesh.tool(capability="system_info", version=version)
def system_info() -> dict[str, str]:
    """Name the platform, the Python release and the time."""
    return {
        "platform": platform.platform(),
        "python": platform.python_version(),
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


@mesh.agent(name="system", version=version, heartbeat_interval=config["health_interval"], auto_run=True)
class System:
    """The agent; the decorator starts it."""
