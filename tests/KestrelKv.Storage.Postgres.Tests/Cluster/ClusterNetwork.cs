using System.Globalization;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests.Cluster;

/// <summary>
/// A network of machines: network namespaces that a bridge of this machine connects. This machine, on which the stores run, is one of them.
/// The network is not reachable from elsewhere. Disposal removes it.
/// </summary>
internal sealed class ClusterNetwork : IAsyncDisposable
{
    /// <summary>The address of this machine ends with it. Those of the others follow.</summary>
    private const int First = 1;

    /// <summary>A hardware address that no interface has.</summary>
    private const string Unused = "02:00:00:00:00:01";

    private const string Interface = "eth0";

    private readonly string _bridge;
    private readonly string _subnet;
    private readonly int _machines;
    private readonly List<(int From, int To)> _cuts = [];

    private ClusterNetwork(int machines)
    {
        int number = Random.Shared.Next(256);
        (_machines, _subnet) = (machines, string.Create(CultureInfo.InvariantCulture, $"10.253.{number}."));

        // The name of an interface has at most 15 characters.
        _bridge = string.Create(CultureInfo.InvariantCulture, $"kkv{Environment.ProcessId % 100_000}b{number}");
    }

    /// <summary>Creates a network of this machine, whose number is 0, and others.</summary>
    /// <param name="machines">The number of other machines.</param>
    public static async Task<ClusterNetwork> CreateAsync(int machines)
    {
        var network = new ClusterNetwork(machines);
        try
        {
            await IpAsync("link", "add", network._bridge, "type", "bridge");
            await IpAsync("address", "add", $"{network.Address(0)}/24", "dev", network._bridge);
            await IpAsync("link", "set", network._bridge, "up");
            for (int machine = 1; machine <= machines; machine++) await network.AddAsync(machine);
            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    public string Address(int machine) => _subnet + (First + machine).ToString(CultureInfo.InvariantCulture);

    /// <summary>Returns the command that runs another command on a machine.</summary>
    public string[] CommandOf(int machine) => ["ip", "netns", "exec", Name(machine)];

    /// <summary>
    /// Drops all packets from one machine to another, without an error on either. Packets in the other direction are delivered. Frames are
    /// sent to an address that no interface has.
    /// </summary>
    public async Task CutAsync(int from, int to)
    {
        await IpAsync([.. On(from), "neighbor", "replace", Address(to), "lladdr", Unused, "dev", InterfaceOf(from), "nud", "permanent"]);
        _cuts.Add((from, to));
    }

    /// <summary>Ends all cuts.</summary>
    public async Task HealAsync()
    {
        foreach ((int from, int to) in _cuts)
            await IpAsync([.. On(from), "neighbor", "delete", Address(to), "dev", InterfaceOf(from)]);
        _cuts.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        // The interfaces of a namespace outlive it for some time, so they are deleted first.
        for (int machine = 1; machine <= _machines; machine++)
        {
            foreach (string[] command in (string[][])[["link", "delete", Link(machine)], ["netns", "delete", Name(machine)]])
                await TryIpAsync(command);
        }
        await TryIpAsync("link", "delete", _bridge);
    }

    private async Task AddAsync(int machine)
    {
        string name = Name(machine), link = Link(machine);
        await IpAsync("netns", "add", name);
        await IpAsync("link", "add", link, "type", "veth", "peer", "name", Interface, "netns", name);
        await IpAsync("link", "set", link, "master", _bridge, "up");
        await IpAsync("-n", name, "address", "add", $"{Address(machine)}/24", "dev", Interface);
        await IpAsync("-n", name, "link", "set", Interface, "up");
        await IpAsync("-n", name, "link", "set", "lo", "up");
    }

    private string Name(int machine) => string.Create(CultureInfo.InvariantCulture, $"{_bridge}m{machine}");

    private string Link(int machine) => string.Create(CultureInfo.InvariantCulture, $"{_bridge}{(char)('f' + machine)}");

    private string InterfaceOf(int machine) => machine == 0 ? _bridge : Interface;

    private string[] On(int machine) => machine == 0 ? [] : ["-n", Name(machine)];

    private static Task<string> IpAsync(params string[] arguments) => Programs.RunAsync("ip", arguments);

    private static async Task TryIpAsync(params string[] arguments)
    {
        try
        {
            await IpAsync(arguments);
        }
        catch (Xunit.Sdk.XunitException)
        {
            // It was not created, if the creation failed.
        }
    }
}
