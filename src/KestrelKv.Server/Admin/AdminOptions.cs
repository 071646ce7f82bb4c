namespace KestrelKv.Server.Admin;

/// <summary>Where the admin HTTP listens.</summary>
public sealed class AdminOptions
{
    /// <summary>
    /// The address: <c>localhost</c>, <c>*</c> for all, or an IP address. Default <c>localhost</c>, as there is no
    /// login: whoever reaches this port can read and write everything.
    /// </summary>
    public string Address { get; set; } = "localhost";

    /// <summary>The TCP port, 0 to 65,535; 0 lets the system choose one, which the log then tells. Default 8,080.</summary>
    public int Port { get; set; } = 8_080;
}
