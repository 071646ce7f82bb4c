namespace KestrelKv.Server.Security;

/// <summary>The settings of users and their rights.</summary>
public sealed class SecurityOptions
{
    /// <summary>
    /// The path of the users file. The default is empty: the server has no users, and every client may do everything. The file is read
    /// again when it changes and on SIGHUP.
    /// </summary>
    public string UsersFile { get; set; } = "";

    /// <summary>
    /// Whether clients on other machines may send secrets without TLS. The default is false. With true, whoever can read the network's
    /// traffic can read the secrets.
    /// </summary>
    public bool AllowPlaintext { get; set; }

    /// <summary>Whether the audit log names the keys of refused requests. The default is false.</summary>
    public bool AuditKeys { get; set; }
}
