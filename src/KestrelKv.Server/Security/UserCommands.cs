using System.Globalization;
using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Server.Hosting;
using KestrelKv.Server.Settings;
using KestrelKv.Wire.Security;

namespace KestrelKv.Server.Security;

/// <summary>The commands that edit the users file: <c>KestrelKv.Server user add|rotate|revoke|list|check</c>.</summary>
/// <remarks>A running server applies a change within about a second. A secret is printed once; the file has only its SHA-256.</remarks>
internal static class UserCommands
{
    /// <summary>The maximum number of secrets of a user: an old one and its successor.</summary>
    private const int SecretsMax = 2;

    /// <summary>Executes a command and prints its result.</summary>
    /// <exception cref="UsageException">The arguments are invalid.</exception>
    /// <exception cref="UserCommandException">The file does not allow the change.</exception>
    /// <exception cref="UsersFileException">The file is invalid or cannot be read.</exception>
    /// <exception cref="SettingsException">No users file is set.</exception>
    public static async Task RunAsync(string[] arguments, ServerSettings settings, DateTimeOffset now)
    {
        string path = settings.Security.UsersFile;
        if (path.Length == 0)
            throw new SettingsException("the setting KestrelKv:Security:UsersFile is empty, expected the path of the users file");
        await Console.Out.WriteLineAsync(Run(arguments, path, now));
    }

    private static string Run(string[] arguments, string path, DateTimeOffset now)
    {
        string command = arguments is [] ? "" : arguments[0];
        var rest = new Arguments(arguments[Math.Min(1, arguments.Length)..]);
        return command switch
        {
            "add" => Edit(path, file => Add(file, rest, now)),
            "rotate" => Edit(path, file => Rotate(file, rest, now)),
            "revoke" => Edit(path, file => Revoke(file, rest)),
            "list" => rest.End(List(UsersFile.Read(path), now)),
            "check" => Check(UsersFile.Read(path), rest, now),
            _ => throw new UsageException($"unknown command 'user {command}', expected user add, rotate, revoke, list or check"),
        };
    }

    private static string Edit(string path, Func<UsersFile, (UsersFile File, string Result)> edit)
    {
        using var store = UsersFileStore.Lock(path);
        (UsersFile changed, string result) = edit(store.Read());
        store.Write(changed);
        return result;
    }

    private static (UsersFile, string) Add(UsersFile file, Arguments arguments, DateTimeOffset now)
    {
        string name = arguments.Name();
        List<string> roles = arguments.Options("--role");
        SecretEntry secret = NewSecret(arguments, now, out string text);
        arguments.End();
        if (!UsersFileCheck.IsName(name))
            throw new UsageException($"'{name}' is not a user name, expected 1 to 64 letters, digits, dots, underscores, hyphens or @");
        if (file.Users.ContainsKey(name)) throw new UserCommandException($"the user '{name}' exists, expected a new name, or user rotate {name}");
        foreach (string role in roles)
        {
            if (!file.Roles.ContainsKey(role))
            {
                string known = file.Roles.Count == 0 ? "none exists; add it to the file" : $"expected one of {string.Join(", ", file.Roles.Keys)}";
                throw new UserCommandException($"the role '{role}' does not exist, {known}");
            }
        }
        file.Users[name] = new UserEntry(roles, [secret]);
        return (file, text);
    }

    private static (UsersFile, string) Rotate(UsersFile file, Arguments arguments, DateTimeOffset now)
    {
        (string name, UserEntry user) = Find(file, arguments);
        SecretEntry secret = NewSecret(arguments, now, out string text);
        arguments.End();
        List<SecretEntry> valid = [.. (user.Secrets ?? []).Where(old => old.Expires is null || old.Expires > now)];
        if (valid.Count >= SecretsMax)
        {
            throw new UserCommandException(
                $"the user '{name}' has {valid.Count} valid secrets, expected at most {SecretsMax - 1}; revoke the old one first: " +
                $"user revoke {name} --secret {Secret.IdOf(valid[0].Sha256)}");
        }
        file.Users[name] = user with { Secrets = [.. valid, secret] };
        return (file, text);
    }

    private static (UsersFile, string) Revoke(UsersFile file, Arguments arguments)
    {
        (string name, UserEntry user) = Find(file, arguments);
        List<string> ids = arguments.Options("--secret");
        arguments.End();
        if (ids.Count == 0)
        {
            file.Users.Remove(name);
            return (file, $"The user {name} is removed.");
        }
        List<SecretEntry> kept = [.. user.Secrets ?? []];
        foreach (string id in ids)
        {
            if (kept.RemoveAll(secret => Secret.IdOf(secret.Sha256).Equals(id, StringComparison.OrdinalIgnoreCase)) == 0)
                throw new UserCommandException($"the user '{name}' has no secret '{id}', expected an id that user list shows");
        }
        file.Users[name] = user with { Secrets = kept };
        return (file, $"{ids.Count} secret(s) of the user {name} are revoked; {kept.Count} remain.");
    }

    private static string List(UsersFile file, DateTimeOffset now)
    {
        var text = new StringBuilder();
        foreach ((string name, UserEntry user) in file.Users)
        {
            string secrets = string.Join(", ", (user.Secrets ?? []).Select(secret => Secret.IdOf(secret.Sha256) + Expiry(secret, now)));
            text.Append(CultureInfo.InvariantCulture, $"{name}{(user.Enabled ? "" : " (disabled)")}  roles: {string.Join(", ", user.Roles)}")
                .Append(CultureInfo.InvariantCulture, $"  secrets: {(secrets.Length == 0 ? "none" : secrets)}")
                .Append(CultureInfo.InvariantCulture, $"  certificates: {user.Certificates?.Count ?? 0}").AppendLine();
        }
        return text.Length == 0 ? "The file has no users." : text.ToString().TrimEnd();
    }

    /// <summary>Checks the file. With a user and a key, prints the user's rights to it.</summary>
    private static string Check(UsersFile file, Arguments arguments, DateTimeOffset now)
    {
        if (arguments.IsEmpty) return $"The file is valid: {file.Roles.Count} role(s), {file.Users.Count} user(s).";
        (string name, UserEntry user) = Find(file, arguments);
        string key = arguments.Name();
        arguments.End();
        if (!user.Enabled) return $"{name} is disabled.";
        Identity identity = new UserTable(file).OfRoles(name, user.Roles) ?? Identity.None;
        byte[] utf8 = Encoding.UTF8.GetBytes(key);
        Rights[] rights = [.. ((Rights[])[Rights.Read, Rights.Write, Rights.Watch]).Where(right => identity.Allows(right, utf8))];
        string allowed = rights.Length == 0 ? "nothing" : string.Join(", ", rights).ToLowerInvariant();
        string state = (user.Secrets ?? []).Any(secret => secret.Expires is null || secret.Expires > now) || user.Certificates is { Count: > 0 }
            ? ""
            : " The user has no valid secret or certificate.";
        return $"{name} may {allowed} \"{key}\".{state}";
    }

    private static (string, UserEntry) Find(UsersFile file, Arguments arguments)
    {
        string name = arguments.Name();
        return file.Users.TryGetValue(name, out UserEntry? user)
            ? (name, user)
            : throw new UserCommandException($"the user '{name}' does not exist; user list shows all users");
    }

    private static SecretEntry NewSecret(Arguments arguments, DateTimeOffset now, out string text)
    {
        DateTimeOffset? expires = null;
        if (arguments.Options("--expires") is [.., var given])
        {
            if (!Duration.TryParse(given, out TimeSpan after) || after <= TimeSpan.Zero)
                throw new UsageException($"--expires is '{given}', expected a duration such as 90d or 12h");
            expires = now + after;
        }
        text = Secret.Create();
        return new SecretEntry(Convert.ToHexStringLower(Secret.Hash(Encoding.UTF8.GetBytes(text))), expires);
    }

    private static string Expiry(SecretEntry secret, DateTimeOffset now) => secret.Expires switch
    {
        null => "",
        { } expires when expires <= now => " (expired)",
        { } expires => string.Create(CultureInfo.InvariantCulture, $" (expires {expires.UtcDateTime:yyyy-MM-dd HH:mm} UTC)"),
    };

    /// <summary>The arguments of one command, consumed from the front.</summary>
    private sealed class Arguments(string[] all)
    {
        private readonly List<string> _remaining = [.. all];

        public bool IsEmpty => _remaining.Count == 0;

        /// <summary>Consumes the next argument that is not an option.</summary>
        public string Name()
        {
            if (_remaining.Count == 0 || _remaining[0].StartsWith("--", StringComparison.Ordinal))
                throw new UsageException("the command needs a name");
            string name = _remaining[0];
            _remaining.RemoveAt(0);
            return name;
        }

        /// <summary>Consumes all options of a name and returns their values.</summary>
        public List<string> Options(string name)
        {
            List<string> values = [];
            for (int at; (at = _remaining.IndexOf(name)) >= 0;)
            {
                if (at + 1 == _remaining.Count) throw new UsageException($"the option '{name}' needs a value");
                values.Add(_remaining[at + 1]);
                _remaining.RemoveRange(at, 2);
            }
            return values;
        }

        /// <summary>Refuses arguments that the command does not take.</summary>
        public void End()
        {
            if (_remaining.Count > 0) throw new UsageException($"the command does not take '{_remaining[0]}'");
        }

        public string End(string result)
        {
            End();
            return result;
        }
    }
}

/// <summary>A command cannot be executed on the users file as it is.</summary>
internal sealed class UserCommandException(string message) : Exception(message);
