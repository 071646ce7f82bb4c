using System.Diagnostics;
using System.Globalization;

namespace KestrelKv.Testing;

/// <summary>A fact that needs another machine on the network. It uses a network namespace, which requires root on Linux.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NetworkNamespaceFactAttribute : FactAttribute
{
    public NetworkNamespaceFactAttribute() => Skip = NetworkNamespace.WhyNot();
}

/// <summary>
/// A network namespace that acts as another machine on the network, connected to this machine by a pair of virtual interfaces. It is not
/// reachable from elsewhere. Disposal removes it.
/// </summary>
public sealed class NetworkNamespace : IAsyncDisposable
{
    private readonly string _name;
    private readonly string _ownInterface;
    private readonly string _peerInterface;
    private bool _hasInterfaces;

    private NetworkNamespace()
    {
        // A subnet of four addresses in a rarely used range.
        int number = Random.Shared.Next(64 * 256);
        string subnet = string.Create(CultureInfo.InvariantCulture, $"10.254.{number / 64}.");
        OwnAddress = subnet + (number % 64 * 4 + 1).ToString(CultureInfo.InvariantCulture);
        PeerAddress = subnet + (number % 64 * 4 + 2).ToString(CultureInfo.InvariantCulture);

        // The name of an interface has at most 15 characters.
        _name = string.Create(CultureInfo.InvariantCulture, $"kkv{Environment.ProcessId % 100_000}n{number}");
        _ownInterface = _name + "a";
        _peerInterface = _name + "b";
    }

    /// <summary>This machine's address on the link.</summary>
    public string OwnAddress { get; }

    public string PeerAddress { get; }

    /// <summary>Returns why network namespaces cannot be used here; null if they can.</summary>
    public static string? WhyNot()
    {
        if (!OperatingSystem.IsLinux()) return "requires Linux for network namespaces";
        if (!Environment.IsPrivilegedProcess) return "requires root to create a network namespace";
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        return folders.Any(folder => File.Exists(Path.Combine(folder, "ip"))) ? null : "requires the program ip (package iproute2)";
    }

    public static async Task<NetworkNamespace> CreateAsync()
    {
        var created = new NetworkNamespace();
        await IpAsync("netns", "add", created._name);
        try
        {
            await IpAsync(
                "link", "add", created._ownInterface, "type", "veth", "peer", "name", created._peerInterface, "netns", created._name);
            created._hasInterfaces = true;
            await IpAsync("address", "add", $"{created.OwnAddress}/30", "dev", created._ownInterface);
            await IpAsync("link", "set", created._ownInterface, "up");
            await IpAsync("-n", created._name, "address", "add", $"{created.PeerAddress}/30", "dev", created._peerInterface);
            await IpAsync("-n", created._name, "link", "set", created._peerInterface, "up");
            await IpAsync("-n", created._name, "link", "set", "lo", "up");
            return created;
        }
        catch
        {
            await created.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes a process that is about to be started run on the other machine. Its process id remains that of the program.</summary>
    public void Enter(ProcessStartInfo start)
    {
        string[] command = [start.FileName, .. start.ArgumentList];
        start.FileName = "ip";
        start.ArgumentList.Clear();
        foreach (string word in (string[])["netns", "exec", _name, .. command]) start.ArgumentList.Add(word);
    }

    /// <summary>
    /// Drops all packets between the machines, in both directions, without an error on either: as after a power failure of the other machine or
    /// of a switch. Frames are sent to addresses that no interface has.
    /// </summary>
    public async Task DropPacketsAsync()
    {
        const string Nobody = "02:00:00:00:00:01";
        await IpAsync("neighbor", "replace", PeerAddress, "lladdr", Nobody, "dev", _ownInterface, "nud", "permanent");
        await IpAsync("-n", _name, "neighbor", "replace", OwnAddress, "lladdr", Nobody, "dev", _peerInterface, "nud", "permanent");
    }

    /// <summary>Ends <see cref="DropPacketsAsync"/>.</summary>
    public async Task DeliverPacketsAsync()
    {
        await IpAsync("neighbor", "delete", PeerAddress, "dev", _ownInterface);
        await IpAsync("-n", _name, "neighbor", "delete", OwnAddress, "dev", _peerInterface);
    }

    /// <summary>Delays all packets between the machines, and drops some.</summary>
    /// <param name="delay">The additional round trip time.</param>
    /// <param name="lossPercent">The percentage of packets that are lost, in each direction.</param>
    /// <returns>False if the kernel lacks this function (netem).</returns>
    public async Task<bool> TryImpairAsync(TimeSpan delay, int lossPercent)
    {
        string half = string.Create(CultureInfo.InvariantCulture, $"{delay.TotalMilliseconds / 2}ms");
        string loss = string.Create(CultureInfo.InvariantCulture, $"{lossPercent}%");
        try
        {
            await Programs.RunAsync("tc", ["qdisc", "add", "dev", _ownInterface, "root", "netem", "delay", half, "loss", loss]);
            await Programs.RunAsync("tc", ["-n", _name, "qdisc", "add", "dev", _peerInterface, "root", "netem", "delay", half, "loss", loss]);
            return true;
        }
        catch (Xunit.Sdk.TrueException)
        {
            return false;
        }
    }

    /// <summary>Runs a program on the other machine.</summary>
    public Task<string> RunAsync(string program, params string[] arguments) =>
        Programs.RunAsync("ip", ["netns", "exec", _name, program, .. arguments]);

    /// <summary>Deletes the interfaces, which would outlive the namespace for some time, and the namespace.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (_hasInterfaces) await IpAsync("link", "delete", _ownInterface);
        }
        finally
        {
            await IpAsync("netns", "delete", _name);
        }
    }

    private static Task<string> IpAsync(params string[] arguments) => Programs.RunAsync("ip", arguments);
}
