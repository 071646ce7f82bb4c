using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Server;

/// <summary><c>kkv user ...</c>: runs the command <c>user</c> of the server program, which changes the users file.</summary>
internal static class UserCommand
{
    public static Command Create(CommandHost host)
    {
        var server = new Option<string?>("--server")
        {
            Description = "The server program, KestrelKv.Server or KestrelKv.Server.dll. Default: KKV_SERVER, then the one beside kkv.",
            HelpName = "path",
        };
        var command = new Command(
            "user",
            "Run the command user of the server program on this machine: add, rotate, revoke, list, check. " +
            "All arguments and settings, such as --KestrelKv:Security:UsersFile=users.json, are those of the server program.")
        {
            server,
        };
        command.TreatUnmatchedTokensAsErrors = false;
        return host.Handle(command, async (arguments, session, _) =>
        {
            string program = ServerProgram.Find(arguments.GetValue(server), session.Terminal);
            session.Terminal.Output.Flush();
            return await RunAsync(program, ["user", .. arguments.UnmatchedTokens]);
        });
    }

    /// <summary>Runs the program on the streams of this process, and returns its exit code. Ctrl-C reaches both: the program decides.</summary>
    private static async Task<int> RunAsync(string program, string[] arguments)
    {
        var start = program.EndsWith(".dll", StringComparison.OrdinalIgnoreCase)
            ? new ProcessStartInfo("dotnet", [program, .. arguments])
            : new ProcessStartInfo(program, arguments);
        try
        {
            using Process process = Process.Start(start)!;
            await process.WaitForExitAsync();
            return process.ExitCode;
        }
        catch (Win32Exception e)
        {
            throw CommandFailure.Failed("server_program", $"The server program {program} cannot be started: {e.Message}");
        }
    }
}
