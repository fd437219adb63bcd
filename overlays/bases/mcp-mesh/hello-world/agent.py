"""Greets by name, and tells where it runs when the system agent can be reached."""

import os

import mesh
import yaml
from fastmcp import FastMCP

with open(os.environ["AGENT_CONFIG"], encoding="utf-8") as file:
    config = yaml.safe_load(file)
version = next(c["version"] for c in config["capabilities"] if c["name"] == "greeting")

app = FastMCP("hello-world")


@app.tool()
@mesh.tool(capability="greeting", version=version, dependencies=["system_info"])
async def greet(name: str = "world", system_info: mesh.McpMeshTool = None) -> str:
    """Say hello to somebody."""
    greeting = f"Hello, {name}!"
    if system_info is None:
        return greeting
    system = await system_info()
    return f"{greeting} I run on {system['platform']}."


@mesh.agent(name="hello-world", version=version, heartbeat_interval=config["health_interval"], auto_run=True)
class HelloWorld:
    """The agent; the decorator starts it."""
