# frozen_string_literal: true

# Makes the first user with their profile, who is administrator; does nothing once there is a user. An interrupted
# attempt leaves nothing. Run by rails runner.

if User.exists?
  puts 'there are users already'
  exit
end

email = ENV.fetch('SEEK_ADMINISTRATOR_EMAIL')
password = ENV.fetch('SEEK_ADMINISTRATOR_PASSWORD')

begin
  disable_authorization_checks do
    User.transaction do
      # SEEK makes the first profile administrator; one from an import may be there.
      person = Person.where(email: email).first_or_initialize
      person.first_name = ENV.fetch('SEEK_ADMINISTRATOR_FIRST_NAME')
      person.last_name = ENV.fetch('SEEK_ADMINISTRATOR_LAST_NAME')
      person.save!
      unless person.is_admin?
        person.is_admin = true
        person.save!
      end

      user = User.new(login: ENV.fetch('SEEK_ADMINISTRATOR_LOGIN'),
                      password: password, password_confirmation: password)
      user.person = person
      user.save!
      # Nobody can be sent an activation mail yet.
      user.activate
      # Undoes it all: a user who is no administrator would keep the next attempt from making one.
      raise ActiveRecord::RecordNotSaved, 'it did not become administrator' unless User.find(user.id).is_admin?
    end
  end
rescue ActiveRecord::RecordInvalid, ActiveRecord::RecordNotSaved => e
  # The message names fields and what is wrong with them, never the password.
  abort "SEEK does not accept the administrator: #{e.message}. " \
        'Correct the administrator in the stack file, then deploy again.'
end

puts 'created the administrator'
