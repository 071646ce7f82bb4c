using System.Globalization;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Wire;

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
internal sealed class NetworkNamespace : IAsyncDisposable
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
            return created;
        }
        catch
        {
            await created.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a Python script of this folder on the other machine.</summary>
    public Task<string> RunPythonAsync(string script, params string[] arguments) =>
        Programs.RunAsync("ip", ["netns", "exec", _name, "python3", "-B", Python.PathTo(script), .. arguments]);

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
