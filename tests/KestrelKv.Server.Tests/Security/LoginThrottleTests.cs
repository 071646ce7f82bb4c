using System.Net;
using KestrelKv.Server.Security;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Security;

/// <summary>Delays of failed authentications by address.</summary>
public sealed class LoginThrottleTests
{
    private static readonly IPAddress Address = IPAddress.Parse("192.0.2.1");

    [Fact]
    public void OnFailure_ManyFromOneAddress_DelaysOnlyThatAddress()
    {
        var throttle = new LoginThrottle(new TestTime());
        for (int i = 0; i < 10; i++) Assert.Equal(TimeSpan.Zero, throttle.OnFailure(Address));

        Assert.True(throttle.OnFailure(Address) > TimeSpan.Zero);
        Assert.Equal(TimeSpan.Zero, throttle.OnFailure(IPAddress.Parse("192.0.2.2")));
    }

    [Fact]
    public void OnFailure_AfterAPause_DelaysNoMore()
    {
        var time = new TestTime();
        var throttle = new LoginThrottle(time);
        for (int i = 0; i < 11; i++) throttle.OnFailure(Address);
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(TimeSpan.Zero, throttle.OnFailure(Address));
    }

    [Theory]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2:ffff::9")]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1")]
    public void NetworkOf_AddressesOfOneClient_IsTheSame(string one, string other) =>
        Assert.Equal(LoginThrottle.NetworkOf(IPAddress.Parse(one)), LoginThrottle.NetworkOf(IPAddress.Parse(other)));

    [Fact]
    public void OnFailure_MoreAddressesThanTheTableHolds_ShareOneLimit()
    {
        var throttle = new LoginThrottle(new TestTime());
        for (int i = 0; i < 4_096; i++) throttle.OnFailure(new IPAddress(0x0100_0000 + i));
        TimeSpan[] delays = [.. Enumerable.Range(0, 20).Select(i => throttle.OnFailure(new IPAddress(0x0200_0000 + i)))];
        Assert.Equal(10, delays.Count(delay => delay > TimeSpan.Zero));
    }
}
