using System.Globalization;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Wire;

/// <summary>A fact that needs another machine on the network, which Linux lets root make: a network namespace.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NetworkNamespaceFactAttribute : FactAttribute
{
    public NetworkNamespaceFactAttribute() => Skip = NetworkNamespace.WhyNot();
}

/// <summary>
/// What another machine on the network would be: a network namespace of its own, wired to this machine by a pair of
/// virtual interfaces. It is gone when disposed of, and nothing of it can be reached from elsewhere.
/// </summary>
internal sealed class NetworkNamespace : IAsyncDisposable
{
    private readonly string _name;
    private readonly string _ownInterface;
    private readonly string _peerInterface;
    private bool _hasInterfaces;

    private NetworkNamespace()
    {
        // A subnet of four addresses in a range that hardly anybody uses.
        int number = Random.Shared.Next(64 * 256);
        string subnet = string.Create(CultureInfo.InvariantCulture, $"10.254.{number / 64}.");
        OwnAddress = subnet + (number % 64 * 4 + 1).ToString(CultureInfo.InvariantCulture);
        PeerAddress = subnet + (number % 64 * 4 + 2).ToString(CultureInfo.InvariantCulture);

        // A name of an interface has 15 characters at the most.
        _name = string.Create(CultureInfo.InvariantCulture, $"kkv{Environment.ProcessId % 100_000}n{number}");
        _ownInterface = _name + "a";
        _peerInterface = _name + "b";
    }

    /// <summary>This machine's address on the wire between the two.</summary>
    public string OwnAddress { get; }

    /// <summary>The other's.</summary>
    public string PeerAddress { get; }

    /// <summary>Why none can be made here; null where one can.</summary>
    public static string? WhyNot()
    {
        if (!OperatingSystem.IsLinux()) return "network namespaces are a thing of Linux";
        if (!Environment.IsPrivilegedProcess) return "needs root to make a network namespace";
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        return folders.Any(folder => File.Exists(Path.Combine(folder, "ip"))) ? null : "needs the program ip (package iproute2)";
    }

    public static async Task<NetworkNamespace> CreateAsync()
    {
        var made = new NetworkNamespace();
        await IpAsync("netns", "add", made._name);
        try
        {
            await IpAsync("link", "add", made._ownInterface, "type", "veth", "peer", "name", made._peerInterface, "netns", made._name);
            made._hasInterfaces = true;
            await IpAsync("address", "add", $"{made.OwnAddress}/30", "dev", made._ownInterface);
            await IpAsync("link", "set", made._ownInterface, "up");
            await IpAsync("-n", made._name, "address", "add", $"{made.PeerAddress}/30", "dev", made._peerInterface);
            await IpAsync("-n", made._name, "link", "set", made._peerInterface, "up");
            return made;
        }
        catch
        {
            await made.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a Python program of this folder on the other machine.</summary>
    public Task<string> RunPythonAsync(string script, params string[] arguments) =>
        Programs.RunAsync("ip", ["netns", "exec", _name, "python3", "-B", Python.PathTo(script), .. arguments]);

    /// <summary>Removes the interfaces, which with the namespace alone would go some time later, and the namespace.</summary>
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
