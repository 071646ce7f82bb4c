namespace KestrelKv.Server.Admin;

/// <summary>How the admin HTTP is served.</summary>
public sealed class AdminOptions
{
    /// <summary>
    /// The address: <c>localhost</c>, <c>*</c> for all, or an IP address. Default <c>localhost</c>, as there is no
    /// login: whoever reaches this port can read and write everything.
    /// </summary>
    public string Address { get; set; } = "localhost";

    /// <summary>The TCP port, 0 to 65,535; 0 lets the system choose one, which the log then tells. Default 8,080.</summary>
    public int Port { get; set; } = 8_080;

    /// <summary>
    /// The names, separated by <c>;</c>, by which clients may address the admin HTTP (<c>Host</c>), besides <c>localhost</c>
    /// and IP addresses; <c>*</c> allows all. Default none. Another name is answered 400, <c>host_not_allowed</c>: a page of
    /// another site could have its name resolve to this machine.
    /// </summary>
    public string AllowedHosts { get; set; } = "";

    /// <summary>
    /// How many streams of events (<c>/v1/watch</c>) may be open, 1 to 10,000; one more is answered 503,
    /// <c>too_many_watches</c>. Default 100. Each takes a connection, and memory for the changes that it sends. There may be
    /// 156 connections more, for all other requests; one beyond that is closed.
    /// </summary>
    public int WatchesMax { get; set; } = 100;
}
