"""One of the Python SDKs: a visitor looks around, logs in, tells who he is, and does something. Fails where the SDK sees an
error."""
import sys


def sensors(server):
    import sensorsanalytics

    sa = sensorsanalytics.SensorsAnalytics(sensorsanalytics.DefaultConsumer(f"{server}/sa?project=sdks"))
    for _ in range(20):
        sa.track("sp-visitor-1", "$pageview", {"$url": "https://www.shili.example/pricing"}, is_login_id=False)
    sa.track("sp-visitor-1", "WhitepaperDownload", {"file": "servo.pdf"}, is_login_id=False)
    sa.track_signup("sp-user-1", "sp-visitor-1")
    profile = {"phone": "13900000011", "company": "示例机器人有限公司", "$name": "测试甲"}
    sa.profile_set("sp-user-1", profile, is_login_id=True)
    sa.track("sp-user-1", "DemoRequested", {}, is_login_id=True)
    sa.close()
    batch = sensorsanalytics.SensorsAnalytics(
        sensorsanalytics.BatchConsumer(f"{server}/in/sensors/sa?project=sdks", max_size=10)
    )
    for n in range(25):
        batch.track("sp-user-1", "$WebClick", {"n": n}, is_login_id=True)
    batch.close()
    debug = sensorsanalytics.DebugConsumer(f"{server}/sa?project=sdks", False)
    sensorsanalytics.SensorsAnalytics(debug).track("sp-user-1", "DemoRequested", {}, is_login_id=True)


def flow(client, prefix, name):
    visitor, user = f"{prefix}-visitor-1", f"{prefix}-user-1"
    traits = {"email": f"{name}@shili.example", "company": {"name": "Shili Robotics"}}
    client.page(anonymous_id=visitor, name="Pricing", properties={"url": "https://www.shili.example/pricing"})
    client.track(anonymous_id=visitor, event="Whitepaper Downloaded", properties={"title": "Servo guide"})
    client.identify(user_id=user, anonymous_id=visitor, traits=traits)
    client.alias(visitor, user)
    client.group(user_id=user, group_id="acct-1", traits={"name": "Shili Robotics"})
    client.track(user_id=user, event="Demo Requested")
    client.flush()
    client.shutdown()


def told(errors):
    def on_error(error, items):
        errors.append(error)

    return on_error


def segment(server):
    import segment.analytics as analytics

    errors = []
    client = analytics.Client("sdk-write-key", host=server, on_error=told(errors), gzip=True, max_retries=1)
    flow(client, "gp", "segment-python")
    assert not errors, errors


def rudder(server):
    import rudderstack.analytics as analytics

    errors = []
    client = analytics.Client("sdk-write-key", host=server, on_error=told(errors), max_retries=1)
    flow(client, "rp", "rudder-python")
    assert not errors, errors


{"sensors-python": sensors, "segment-python": segment, "rudder-python": rudder}[sys.argv[1]](sys.argv[2])
