# frozen_string_literal: true

# Sets what an administrator would set at first, from variables. Settings without a variable stay as they are, so that
# changes made in the administration pages survive; may be run again at any time. Run by rails runner.

config = Seek::Config

config.site_base_host = ENV.fetch('SEEK_SITE_BASE_HOST')
config.instance_name = ENV.fetch('SEEK_INSTANCE_NAME')
config.support_email_address = ENV.fetch('SEEK_SUPPORT_EMAIL')
config.solr_enabled = ENV.fetch('SEEK_SOLR_ENABLED') == 'true'

if ENV['SEEK_SMTP_ADDRESS'].present?
  config.noreply_sender = ENV.fetch('SEEK_NOREPLY_SENDER')
  config.set_smtp_settings('address', ENV.fetch('SEEK_SMTP_ADDRESS'))
  config.set_smtp_settings('port', Integer(ENV.fetch('SEEK_SMTP_PORT')))
  config.set_smtp_settings('domain', URI(config.site_base_host).host)
  config.set_smtp_settings('enable_starttls_auto', true)
  # A blank value removes the setting, and with it the login.
  config.set_smtp_settings('authentication', ENV['SEEK_SMTP_USER'].present? ? 'plain' : nil)
  config.set_smtp_settings('user_name', ENV['SEEK_SMTP_USER'])
  config.set_smtp_settings('password', ENV['SEEK_SMTP_PASSWORD'])
  config.email_enabled = true
end

puts "the settings of #{config.site_base_host} are up to date"
